(() => {
  "use strict";
  const tip = document.getElementById("tip");
  // Places of a path's points, which its d gives relative to each other.
  const cache = new WeakMap();
  const places = (path) => {
    let all = cache.get(path);
    if (all) return all;
    all = [];
    let x = 0, y = 0;
    for (const [, kind, rest] of path.getAttribute("d").matchAll(/([Mlh])([^Mlhz]*)/g)) {
      const n = (rest.match(/-?[\d.]+/g) || []).map(Number);
      if (kind === "h") continue;
      for (let i = 0; i + 1 < n.length; i += 2) {
        [x, y] = kind === "M" ? [n[i], n[i + 1]] : [x + n[i], y + n[i + 1]];
        all.push([x, y]);
      }
    }
    cache.set(path, all);
    return all;
  };
  const value = (text, at) => {
    const [from, to, lo, hi, kind] = text.split(" ");
    const t = (at - from) / (to - from);
    const v = kind === "log" ? lo * (hi / lo) ** t : +lo + t * (hi - lo);
    return Math.abs(v) >= 1e6 ? v.toExponential(3) : +v.toPrecision(4);
  };
  const hide = () => {
    tip.hidden = true;
    document.querySelectorAll("path.on").forEach((p) => p.classList.remove("on"));
  };
  document.addEventListener("pointermove", (e) => {
    const svg = e.target.closest && e.target.closest("svg[data-x]");
    hide();
    if (!svg) return;
    const at = new DOMPoint(e.clientX, e.clientY).matrixTransform(svg.getScreenCTM().inverse());
    let best = null, near = 24 * 24;
    for (const path of svg.querySelectorAll("path[data-s]")) {
      for (const [x, y] of places(path)) {
        const d = (x - at.x) ** 2 + (y - at.y) ** 2;
        if (d < near) [near, best] = [d, { path, x, y }];
      }
    }
    if (!best) return;
    best.path.classList.add("on");
    const [xLabel, yLabel] = svg.dataset.labels.split("\u2028");
    tip.textContent = `${best.path.dataset.s}\n${xLabel}: ${value(svg.dataset.x, best.x)}\n${yLabel}: ${value(svg.dataset.y, best.y)}`;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(e.clientX + 14, innerWidth - box.width - 8)) + "px";
    tip.style.top = Math.max(4, Math.min(e.clientY + 14, innerHeight - box.height - 8)) + "px";
  });
  document.addEventListener("pointerleave", hide);
  // A click on a column of the runs sorts by it.
  document.addEventListener("click", (e) => {
    const th = e.target.closest && e.target.closest("#runs th");
    if (!th) return;
    const body = th.closest("table").tBodies[0], i = th.cellIndex, way = th.dataset.sorted === "1" ? -1 : 1;
    for (const other of th.parentNode.children) delete other.dataset.sorted;
    th.dataset.sorted = way;
    const key = (row) => {
      const cell = row.cells[i], text = cell.dataset.v ?? cell.textContent;
      return text === "" ? NaN : isNaN(text) ? text : +text;
    };
    const order = (a, b) => {
      if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
      return way * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
    };
    [...body.rows].sort((a, b) => order(key(a), key(b))).forEach((row) => body.append(row));
  });
  // report --watch: ask for news, and put a new page's content in place.
  const live = () => document.getElementById("live");
  if (live()) {
    let seen = null;
    const get = async (path) => {
      const answer = await fetch(path, { cache: "no-store" });
      const text = await answer.text();
      if (!answer.ok) throw new Error(text.trim());
      return text;
    };
    const ask = async () => {
      try {
        const version = await get("version");
        if (seen !== null && version !== seen) {
          const page = new DOMParser().parseFromString(await get("./"), "text/html");
          document.querySelector("main").replaceWith(page.querySelector("main"));
        }
        seen = version;
        live().classList.remove("lost");
        live().textContent = "live";
      } catch (e) { // fetch throws a TypeError where nobody answers
        live().classList.add("lost");
        live().textContent = e instanceof TypeError ? "the server has gone" : e.message;
      }
    };
    ask();
    setInterval(ask, 2000);
  }
})();
