"use strict";
const byId = (id) => document.getElementById(id);
const main = byId("pictures");
const articles = Array.from(main.children);

function arrange() {
  const wanted = byId("search").value.toLowerCase();
  const boxes = document.querySelectorAll("input[name=verdict]:checked");
  const verdicts = new Set(Array.from(boxes, (box) => box.value));
  const byName = byId("sort").value === "name";
  articles.sort((a, b) => byName
    ? a.dataset.path.localeCompare(b.dataset.path, undefined, {numeric: true})
    : b.dataset.suspicion - a.dataset.suspicion);
  let shown = 0;
  for (const article of articles) {
    const matches = article.dataset.path.toLowerCase().includes(wanted)
      && verdicts.has(article.dataset.verdict);
    article.hidden = !matches;
    shown += matches;
    main.append(article);
  }
  byId("shown").textContent = `${shown} of ${articles.length} shown`;
}

function fade() {
  document.documentElement.style.setProperty("--heat", byId("heat").value / 100);
}

byId("controls").addEventListener("input", () => { arrange(); fade(); });
byId("controls").addEventListener("submit", (event) => event.preventDefault());
arrange();
fade();
