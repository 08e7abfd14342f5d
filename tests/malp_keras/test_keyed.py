"""Protection by a key, in Python: copies, verdicts, maps."""

import cv2
import numpy as np
import pytest

from forensics_keras import metrics
from malp_keras import keyed, records, visibility
from malp_keras.keyed_template import KeyedTemplate
from tests.helpers.keyed_pictures import (
    IDENTITY,
    copy,
    jpeg,
    key,
    photograph,
    protector,
    scaled,
)

BOX = slice(150, 230), slice(210, 290)


def pasted(picture, source):
    changed = picture.copy()
    changed[BOX] = source[20:100, 30:110]
    return changed


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    path = tmp_path_factory.mktemp("records") / "a.json"
    path.write_bytes(records.make_record(key(), IDENTITY, copy(), "0", "1"))
    return {IDENTITY.hex(): records.read_record(path, records.public_key(key()))}


# --- protecting -------------------------------------------------------------------------------


def test_copies_keep_their_psnr_and_have_random_identities():
    for name in ("Kleiber_by_Lukas_Baubkus", "life_by_Aitzol_Berasategi"):
        assert metrics.picture_psnr(copy(name), photograph(name)) >= 38.2
    made = [protector().protect_with_identity(photograph(side=200)) for _ in range(2)]
    assert made[0].identity != made[1].identity
    assert (made[0].image != made[1].image).any()


def test_only_the_sync_repeats_between_pictures_and_keys():
    template, other = KeyedTemplate(b"a" * 32), KeyedTemplate(b"b" * 32)
    codes = np.random.default_rng(0).choice([-1.0, 1.0], (2, 127)).astype(np.float32)

    def cosine(a, b):
        return float(np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b))

    first, second = (template.low(code, 256, 256) for code in codes)
    assert cosine(first, second) == pytest.approx(0.30 / 0.72, abs=0.1)
    assert abs(cosine(first, template.low(codes[0], 256, 256, 128, 128)) - 0.30 / 0.72) < 0.1
    assert abs(cosine(first, other.low(codes[0], 256, 256))) < 0.05
    fills = [template.high(bytes([n]) * 6, 128, 128) for n in range(2)]
    assert abs(cosine(*fills)) < 0.05
    np.testing.assert_allclose(
        template.high(bytes(6), 128, 128)[40:80, 30:90],
        template.high(bytes(6), 40, 60, 40, 30),
        atol=1e-5,
    )


def test_texture_carries_more_than_plain_areas():
    plain = np.full((64, 128), 100, np.float32)
    plain[:, 64:] += np.random.default_rng(0).normal(0, 15, (64, 64)).astype(np.float32)
    strength = visibility.amplitude(plain)
    assert strength[:, 90:].mean() > 1.5 * strength[:, :40].mean()
    np.testing.assert_allclose(visibility.amplitude(plain, 0.5), strength / 2, rtol=1e-6)


def test_a_copy_is_not_protected_again():
    for picture in (copy(), jpeg(copy(), 80), copy()[40:300, 30:350]):
        with pytest.raises(ValueError, match="is protected by this key already"):
            protector().protect(picture)
    protector("x").protect(copy(side=256))  # another publisher may


def test_what_cannot_carry_a_template_is_refused():
    # Half of the template is cut off at white. (With some black it depends on the identity.)
    for picture in (photograph(side=48), np.full((160, 160, 3), 255, np.uint8)):
        with pytest.raises(ValueError, match="is not protectable"):
            protector().protect(picture)


# --- verifying --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, geometry",
    [
        (lambda x: x, "as it was protected"),
        (lambda x: jpeg(x, 75), "as it was protected"),
        (lambda x: x[70:330, 90:370], "cut out at 90, 70 of the original"),
        (lambda x: x[:, ::-1], "mirrored"),
        (lambda x: np.rot90(x), "turned by 90 degrees"),
        (lambda x: jpeg(scaled(x, 0.8), 75), "scaled 0.80"),
        (
            lambda x: cv2.copyMakeBorder(x, 30, 0, 40, 0, cv2.BORDER_CONSTANT, value=(9, 9, 9)),
            "set into a larger picture",
        ),
    ],
)
def test_harmless_changes_are_authentic(change, geometry):
    found = protector().verify(np.ascontiguousarray(change(copy())))
    assert found.verdict == "authentic", found.reasons
    assert found.identity == IDENTITY.hex() and found.geometry == geometry
    assert found.score < 0.5 and found.changed_share == 0 and not found.map.any()


@pytest.mark.parametrize("quality", [None, 85])
def test_a_changed_region_is_found_where_it_is(quality):
    changed = pasted(copy(), copy())
    picture = changed if quality is None else jpeg(changed, quality)
    found = protector().verify(picture)
    assert found.verdict == "manipulated" and found.score > 0.5
    truth = np.zeros(found.map.shape, bool)
    truth[BOX] = True
    flagged = found.map >= 0.5
    assert 2 * (flagged & truth).sum() / (flagged.sum() + truth.sum()) > 0.75
    left, top, width, height = found.regions[0]
    assert abs(left - 210) < 16 and abs(top - 150) < 16
    assert abs(width - 80) < 24 and abs(height - 80) < 24


def test_a_changed_region_is_found_in_a_mirrored_crop():
    picture = np.ascontiguousarray(pasted(copy(), copy())[60:330, 80:370][:, ::-1])
    found = protector().verify(picture)
    assert found.verdict == "manipulated"
    truth = np.zeros(copy().shape[:2], bool)
    truth[BOX] = True
    truth = truth[60:330, 80:370][:, ::-1]
    flagged = found.map >= 0.5
    assert 2 * (flagged & truth).sum() / (flagged.sum() + truth.sum()) > 0.75


def test_a_collage_of_two_copies_is_found():
    other = copy("life_by_Aitzol_Berasategi", identity=b"\x01" * 6)
    collage = copy().copy()
    collage[128:256, 128:256] = other[128:256, 128:256]  # where the sync fits
    assert protector().verify(collage).verdict == "manipulated"


def test_what_was_not_protected_is_not_accused():
    for picture in (photograph(), copy(letter="x"), photograph(side=48)):
        found = protector().verify(picture)
        assert found.verdict == "unprotected" and not found.map.any() and found.score == 0


def test_what_is_too_weak_cannot_be_judged():
    found = protector().verify(jpeg(scaled(copy(side=256), 0.4), 60))
    assert found.verdict in ("cannot judge", "unprotected")


def test_a_copied_sync_without_identity_is_suspicious():
    template = protector().template
    sync = template.low(np.zeros(127, np.float32), 384, 384) * np.float32(5)
    forged = np.clip(np.rint(photograph() + sync[..., None]), 0, 255).astype(np.uint8)
    found = protector().verify(forged)
    assert found.verdict in ("suspicious", "manipulated") and found.identity is None


# --- with a record ----------------------------------------------------------------------------


def test_recolouring_is_found_with_the_record_only(known):
    changed = copy().copy()
    changed[60:200, 60:200, 0] //= 2
    assert protector().verify(changed, known).verdict == "manipulated"


def test_harmless_changes_agree_with_the_record(known):
    brighter = np.clip(copy() * 1.08 + 4.0, 0, 255).astype(np.uint8)
    for picture in (copy(), jpeg(scaled(copy(), 0.7), 75), brighter):
        found = protector().verify(picture, known)
        assert found.verdict == "authentic", found.reasons
        assert any("agrees with its signed record" in reason for reason in found.reasons)


def test_crops_are_told_with_the_record(known):
    found = protector().verify(np.ascontiguousarray(copy()[:, 96:]), known)
    assert found.geometry == "cropped to 75 % x 100 %"
    found = protector().verify(jpeg(scaled(copy()[77:, :], 1.5), 90), known)
    assert found.geometry == "cropped to 100 % x 80 %, scaled 1.50"


def test_limits_are_in_order():
    assert keyed.SUSPICIOUS_ODDS < keyed.MANIPULATED_ODDS
    assert keyed.RECORD_SUSPICIOUS < keyed.RECORD_MANIPULATED
