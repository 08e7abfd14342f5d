"""Measures against other computations, empty and full cases, the bootstrap, the Keras metric."""

import keras
import numpy as np
import pytest
import scipy.ndimage
import sklearn.metrics

from forensics_keras import metrics
from forensics_keras.metrics import image_quality


def _example(seed: int, shape=(17, 23)) -> tuple[np.ndarray, np.ndarray]:
    """Rounded probabilities (many ties) that know something of the truth."""
    random = np.random.default_rng(seed)
    truth = (random.random(shape) < 0.3).astype(np.uint8)
    probability = np.round(np.clip(0.3 * truth + 0.7 * random.random(shape), 0, 1), 1)
    return probability.astype(np.float32), truth


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("threshold", [0.0, 0.35, 0.5, 0.8])
def test_scores_equal_scikit_learn(seed, threshold):
    probability, truth = _example(seed)
    scores = metrics.localization_scores(probability, truth, threshold)
    y, p = truth.ravel(), probability.ravel()
    flagged = (p >= np.float32(threshold)).astype(int)
    options = {"zero_division": 0}
    assert scores["F1"] == pytest.approx(sklearn.metrics.f1_score(y, flagged, **options))
    assert scores["precision"] == pytest.approx(
        sklearn.metrics.precision_score(y, flagged, **options)
    )
    assert scores["recall"] == pytest.approx(sklearn.metrics.recall_score(y, flagged, **options))
    assert scores["IoU"] == pytest.approx(sklearn.metrics.jaccard_score(y, flagged))
    assert scores["mIoU"] == pytest.approx(
        sklearn.metrics.jaccard_score(y, flagged, average="macro")
    )
    assert scores["AUC"] == pytest.approx(sklearn.metrics.roc_auc_score(y, p))
    precision, recall, _ = sklearn.metrics.precision_recall_curve(y, p)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    assert scores["best_F1"] == pytest.approx(f1.max())


def test_pooled_scores_equal_scikit_learns_on_all_pixels_together():
    pairs = [_example(seed, (9 + seed, 12)) for seed in range(5)]
    pairs[0] = np.zeros((9, 12), np.float32), pairs[0][1]  # nothing flagged
    scores = [metrics.localization_scores(*pair) for pair in pairs]
    counts = [metrics.pixel_counts(*pair) for pair in pairs]
    pooled = metrics.pooled_scores(scores, counts, seed=3)
    y = np.concatenate([truth.ravel() for _, truth in pairs])
    flagged = np.concatenate([probability.ravel() >= 0.5 for probability, _ in pairs])
    assert pooled["pooled_precision"]["mean"] == pytest.approx(
        sklearn.metrics.precision_score(y, flagged)
    )
    assert pooled["pooled_recall"]["mean"] == pytest.approx(
        sklearn.metrics.recall_score(y, flagged)
    )
    assert pooled["pooled_F1"]["mean"] == pytest.approx(sklearn.metrics.f1_score(y, flagged))
    assert np.sum([list(count.values()) for count in counts]) == y.size
    precision, recall = (np.mean([one[name] for one in scores]) for name in ("precision", "recall"))
    of_means = pooled["F1_of_means"]
    assert of_means["mean"] == pytest.approx(2 * precision * recall / (precision + recall))
    assert of_means["mean"] != pytest.approx(np.mean([one["F1"] for one in scores]), abs=0.001)
    for found in pooled.values():
        assert found["low"] < found["mean"] < found["high"]
    assert metrics.pooled_scores(scores, counts, seed=3) == pooled


def test_pooled_scores_of_a_silent_method_are_zero():
    silent = [{"precision": 0.0, "recall": 0.0}] * 2
    counts = [{"TP": 0, "FP": 0, "FN": 7, "TN": 3}] * 2
    pooled = metrics.pooled_scores(silent, counts)
    assert {value for found in pooled.values() for value in found.values()} == {0.0}
    with pytest.raises(ValueError, match="no pictures"):
        metrics.pooled_scores([], [])


def test_groups_with_pixels_have_pooled_scores():
    scores = {"precision": 0.5, "recall": 1.0}
    record = {"method": "a", "scores": scores, "pixels": {"TP": 2, "FP": 2, "FN": 0, "TN": 1}}
    [group] = metrics.summarize_groups([record, record], by=["method"])
    assert group["scores"]["pooled_precision"]["mean"] == 0.5
    [group] = metrics.summarize_groups([record, {**record, "pixels": None}], by=["method"])
    assert set(group["scores"]) == {"precision", "recall"}


def test_trivial_predictors_do_not_look_good():
    _, truth = _example(0)
    share = truth.mean()
    nothing = metrics.localization_scores(np.zeros(truth.shape), truth)
    assert [nothing[key] for key in ("F1", "precision", "recall", "IoU")] == [0, 0, 0, 0]
    assert nothing["mIoU"] == pytest.approx((1 - share) / 2)
    everything = metrics.localization_scores(np.ones(truth.shape), truth)
    assert everything["mIoU"] == pytest.approx(share / 2)
    assert everything["precision"] == pytest.approx(share)
    for constant in (nothing, everything):
        assert constant["AUC"] == pytest.approx(0.5)
        assert constant["best_F1"] == pytest.approx(2 * share / (1 + share))


def test_perfect_map_scores_one():
    _, truth = _example(1)
    assert set(metrics.localization_scores(truth.astype(float), truth).values()) == {1.0}


def test_wholly_manipulated_picture():
    truth = np.ones((4, 5))
    full = metrics.localization_scores(np.ones((4, 5)), truth)
    assert full["mIoU"] == full["F1"] == full["best_F1"] == 1 and np.isnan(full["AUC"])
    half = np.ones((4, 5))
    half[:2] = 0
    assert metrics.localization_scores(half, truth)["mIoU"] == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("probability", "truth", "message"),
    [
        (np.zeros((3, 3)), np.ones((3, 4)), "shape"),
        (np.full((3, 3), np.nan), np.eye(3), "finite"),
        (np.zeros((3, 3)), 255 * np.eye(3), "0 and 1"),
        (np.zeros((3, 3)), np.zeros((3, 3)), "untouched_scores"),
    ],
)
def test_bad_maps_are_refused(probability, truth, message):
    with pytest.raises(ValueError, match=message):
        metrics.localization_scores(probability, truth)


def test_a_stray_pixel_does_not_accuse_a_photograph():
    probability = np.zeros((100, 100))
    probability.flat[:9] = 0.5
    scores = metrics.untouched_scores(probability)
    assert scores == {"pixels_flagged": 9 / 10_000, "picture_flagged": False}
    probability.flat[9] = 0.5
    assert metrics.untouched_scores(probability)["picture_flagged"] is True
    assert metrics.untouched_scores(probability, 0.6)["pixels_flagged"] == 0
    assert metrics.verdict(0.001) == "manipulated" and metrics.verdict(0.0009) == "nothing found"
    with pytest.raises(ValueError, match="finite"):
        metrics.untouched_scores(np.full((2, 2), np.nan))


@pytest.mark.parametrize("seed", range(3))
def test_picture_score_is_the_largest_threshold_of_the_verdict(seed):
    probability, _ = _example(seed, shape=(60, 41))
    score = metrics.picture_score(probability)
    at, above = (
        metrics.untouched_scores(probability, threshold)["picture_flagged"]
        for threshold in (score, np.nextafter(np.float32(score), np.float32(2)))
    )
    assert (at, above) == (True, False)


def test_detection_equals_scikit_learn():
    random = np.random.default_rng(0)
    forged, untouched = np.round(random.normal([[0.6], [0.4]], 0.15, (2, 80)), 2)
    scores = metrics.detection_scores(forged, untouched)
    truth = [1] * 80 + [0] * 80
    both = np.concatenate([forged, untouched])
    auc = sklearn.metrics.roc_auc_score(truth, both)
    assert scores["AUC"]["mean"] == pytest.approx(auc)
    assert scores["AUC"]["low"] < auc < scores["AUC"]["high"]
    curve = sklearn.metrics.roc_curve(truth, both, drop_intermediate=False)
    false_alarms = curve[0][np.flatnonzero(curve[1] >= 0.95)[0]]
    assert scores["false_alarms"]["mean"] == pytest.approx(false_alarms)
    constant = metrics.detection_scores(np.zeros(5), np.zeros(7))
    assert constant["AUC"]["mean"] == 0.5 and constant["false_alarms"]["mean"] == 1
    assert metrics.detection_scores([1, 1], [0, 0])["AUC"] == {"mean": 1, "low": 1, "high": 1}


def test_binary_scores_equal_scikit_learn():
    random = np.random.default_rng(1)
    positive, negative = np.round(random.normal(0.6, 0.2, 60), 1), random.normal(0.4, 0.2, 90)
    scores = metrics.binary_scores(positive, negative, threshold=0.5)
    truth = np.repeat([1, 0], [60, 90])
    weight = np.repeat([1 / 60, 1 / 90], [60, 90])
    both = np.concatenate([positive, negative])
    expected = {
        "accuracy": sklearn.metrics.balanced_accuracy_score(truth, both >= 0.5),
        "AUC": sklearn.metrics.roc_auc_score(truth, both),
        "average_precision": sklearn.metrics.average_precision_score(
            truth, both, sample_weight=weight
        ),
    }
    for name, value in expected.items():
        assert scores[name]["mean"] == pytest.approx(value)
        assert scores[name]["low"] < value < scores[name]["high"]
    false_alarms, recall, _ = sklearn.metrics.roc_curve(truth, both, drop_intermediate=False)
    rate = scores["EER"]["mean"]
    # The point lies on the curve, here on a vertical piece of it.
    [piece] = np.flatnonzero((recall[:-1] < 1 - rate) & (1 - rate <= recall[1:]))
    assert false_alarms[piece] == false_alarms[piece + 1] == pytest.approx(rate)


def test_binary_scores_of_perfect_and_blind_classifiers():
    perfect = metrics.binary_scores([0.9, 0.8], [0.1, 0.2, 0.3], threshold=0.5)
    assert [value["mean"] for value in perfect.values()] == [1, 0, 1, 1]
    blind = metrics.binary_scores(np.zeros(5), np.zeros(7), threshold=0.5)
    assert [value["mean"] for value in blind.values()] == [0.5, 0.5, 0.5, 0.5]


def test_bootstrap_interval_agrees_with_the_normal_interval():
    values = np.random.default_rng(0).normal(5, 2, size=400)
    low, high = metrics.bootstrap_interval(values, seed=1)
    half_width = 1.96 * values.std() / np.sqrt(400)
    assert low == pytest.approx(values.mean() - half_width, abs=0.03)
    assert high == pytest.approx(values.mean() + half_width, abs=0.03)
    narrow = metrics.bootstrap_interval(values, seed=1, level=0.5)
    assert low < narrow[0] < narrow[1] < high


def test_bootstrap_interval_is_seeded_and_skips_nan():
    values = list(np.random.default_rng(0).random(20))
    first = metrics.bootstrap_interval(values, seed=3)
    assert first == metrics.bootstrap_interval([*values, float("nan")], seed=3)
    assert first != metrics.bootstrap_interval(values, seed=4)
    assert metrics.bootstrap_interval([0.7], seed=0) == pytest.approx((0.7, 0.7))
    assert np.isnan(metrics.bootstrap_interval([], seed=0)).all()
    with pytest.raises(ValueError, match="level"):
        metrics.bootstrap_interval(values, seed=0, level=95)


def test_summarize_averages_over_pictures_where_defined():
    scores = [{"F1": 0.2, "AUC": float("nan")}, {"F1": 0.6, "AUC": 0.9}]
    summary = metrics.summarize(scores, seed=0)
    assert summary["F1"]["mean"] == pytest.approx(0.4)
    assert summary["F1"]["low"] <= 0.4 <= summary["F1"]["high"]
    assert summary["AUC"] == pytest.approx({"mean": 0.9, "low": 0.9, "high": 0.9})
    with pytest.raises(ValueError, match="no pictures"):
        metrics.summarize([])


def test_summarize_groups_keeps_order_and_counts_pictures():
    records = [
        {"picture": i, "method": method, "scores": {"F1": value}}
        for i, (method, value) in enumerate([("noise", 0.1), ("irl", 0.8), ("noise", 0.3)])
    ]
    noise, irl = metrics.summarize_groups(records, by=["method"])
    assert (noise["method"], noise["pictures"]) == ("noise", 2)
    assert noise["scores"]["F1"]["mean"] == pytest.approx(0.2)
    assert (irl["method"], irl["pictures"], irl["scores"]["F1"]["mean"]) == ("irl", 1, 0.8)
    assert metrics.summarize_groups([], by=["method"]) == []


def _batch() -> tuple[np.ndarray, np.ndarray]:
    """Three pictures; the last one is untouched but has flagged pixels."""
    examples = [_example(seed) for seed in range(3)]
    probability = np.stack([example[0] for example in examples])[..., None]
    truth = np.stack([example[1] for example in examples])[..., None]
    truth[2] = 0
    return probability, truth


def test_keras_metric_streams_the_mean_of_f1_over_manipulated_pictures():
    probability, truth = _batch()
    expected = [
        metrics.localization_scores(probability[i, ..., 0], truth[i, ..., 0], 0.4)["F1"]
        for i in range(2)
    ]
    metric = metrics.LocalizationF1(threshold=0.4)
    assert float(metric.result()) == 0
    metric.update_state(truth[:1], probability[:1])
    metric.update_state(truth[1:, ..., 0], probability[1:])
    assert float(metric.result()) == pytest.approx(np.mean(expected), abs=1e-6)
    metric.reset_state()
    metric.update_state(truth, probability, sample_weight=[1.0, 3.0, 7.0])
    weighted = np.average(expected, weights=[1, 3])
    assert float(metric.result()) == pytest.approx(weighted, abs=1e-6)


def test_keras_metric_serializes_and_runs_in_fit():
    metric = metrics.LocalizationF1(threshold=0.4, name="localization_f1")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert copy.get_config() == metric.get_config() and copy.threshold == 0.4
    probability, truth = _batch()
    model = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Activation("linear")])
    model.compile(loss="mse", metrics=[copy])
    logs = model.evaluate(probability, truth, batch_size=2, verbose=0, return_dict=True)
    metric.update_state(truth, probability)
    assert logs["localization_f1"] == pytest.approx(float(metric.result()), abs=1e-6)


# --- two pictures -----------------------------------------------------------------------------


def _pictures(height=40, width=33, channels=3):
    random = np.random.default_rng(5)
    original = random.integers(0, 256, (height, width, channels), np.uint8)
    change = random.integers(-20, 21, original.shape)
    return np.clip(original + change, 0, 255).astype(np.uint8), original


def _plain_ssim(picture, original, max_value):
    """The formula with SciPy's filter, over the windows that lie in the picture."""
    a, b = picture.astype(float), original.astype(float)

    def mean(values):
        return scipy.ndimage.gaussian_filter(values, (1.5, 1.5, 0), radius=(5, 5, 0))

    c1, c2 = (0.01 * max_value) ** 2, (0.03 * max_value) ** 2
    ma, mb = mean(a), mean(b)
    va, vb, cov = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    values = (2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    return values[5:-5, 5:-5].mean()


@pytest.mark.parametrize("band", [1, 70, 10**6])
def test_psnr_and_ssim_equal_the_formulas_whatever_the_bands(monkeypatch, band):
    monkeypatch.setattr(image_quality, "_BAND_PIXELS", band)
    picture, original = _pictures()
    error = np.mean((picture.astype(float) - original) ** 2)
    assert metrics.picture_psnr(picture, original) == pytest.approx(10 * np.log10(255**2 / error))
    assert metrics.picture_ssim(picture, original) == pytest.approx(
        _plain_ssim(picture, original, 255), abs=1e-9
    )
    a, b = (x[..., :1] / np.float32(255) for x in (picture, original))
    assert metrics.picture_psnr(a[..., 0], b[..., 0], 1.0) == pytest.approx(
        -10 * np.log10(np.mean((a.astype(float) - b) ** 2))
    )
    assert metrics.picture_ssim(a[..., 0], b[..., 0], 1.0) == pytest.approx(
        _plain_ssim(a, b, 1), abs=1e-9
    )


def test_equal_pictures_have_infinite_psnr_and_ssim_of_one():
    picture, _ = _pictures()
    assert metrics.picture_psnr(picture, picture) == np.inf
    assert metrics.picture_ssim(picture, picture) == pytest.approx(1, abs=1e-12)
    assert metrics.picture_ssim(picture, 255 - picture) < 0.1


def test_pictures_that_cannot_be_compared_are_refused():
    picture, original = _pictures()
    for measure in (metrics.picture_psnr, metrics.picture_ssim):
        with pytest.raises(ValueError, match="differ in shape"):
            measure(picture, original[1:])
    with pytest.raises(ValueError, match="sides of 11"):
        metrics.picture_ssim(picture[:10], original[:10])
