// Small figures: effects of single prompts, faithfulness over size, attention on a prompt, recovery rates.
import { count, drawn, element, mixed, share, shareInterval, signed } from "./dom.js";

// One bar per prompt, in their order, with the mean and its interval; choosing a bar shows the prompt.
export function effectStrip(values, { score, low, high }, onPrompt) {
  const width = 320, height = 96, left = 4, right = width - 4;
  const extremes = [0, ...values, low ?? 0, high ?? 0];
  const [least, most] = [Math.min(...extremes), Math.max(...extremes)];
  const y = (value) => 6 + ((most - value) / (most - least || 1)) * (height - 12);
  const step = (right - left) / values.length;
  const positives = [...values].filter((value) => value > 0).length;
  const picture = drawn("svg", {
    viewBox: `0 0 ${width} ${height}`, class: "strip", role: "img",
    "aria-label": `Effect on each of ${count(values.length, "prompt")}: positive on ${positives}, mean ${signed(score)}`,
  });
  if (low !== null && low !== undefined) {
    picture.append(drawn("rect", { x: left, width: right - left, y: y(high), height: Math.max(1, y(low) - y(high)), class: "band" }));
  }
  values.forEach((value, at) => {
    const bar = drawn("rect", {
      x: left + at * step + 0.1 * step, width: Math.max(0.8, 0.8 * step),
      y: Math.min(y(0), y(value)), height: Math.max(0.6, Math.abs(y(value) - y(0))),
      class: value < 0 ? "opposes" : "supports",
    }, drawn("title", {}, `prompt ${at}: ${signed(value)}`));
    if (onPrompt) bar.addEventListener("click", () => onPrompt(at));
    picture.append(bar);
  });
  picture.append(drawn("line", { x1: left, x2: right, y1: y(0), y2: y(0), class: "axis" }));
  if (score !== null) picture.append(drawn("line", { x1: left, x2: right, y1: y(score), y2: y(score), class: "mean" }));
  return picture;
}

// Round values over all of a range, 9 at most.
export function ticks(least, most) {
  const steps = [-2, -1, 0, 1, 2, 3, 4, 5, 6].flatMap((power) => [1, 2.5, 5].map((digit) => digit * 10 ** power));
  const step = steps.find((one) => one >= 0.25 && (most - least) / one <= 8) ?? most - least;
  const first = Math.ceil(least / step);
  return Array.from({ length: Math.floor(most / step) - first + 1 }, (_, at) => (first + at) * step);
}

// Faithfulness over size on a log axis; `now` marks the size shown. A point is a button.
export function sizeChart(curve, whole, now, onSize) {
  const width = 640, height = 300, left = 44, right = width - 14, top = 12, bottom = height - 34;
  const sizes = [...curve.points.map(([n]) => n), whole.n].filter((n) => n > 0);
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
  const x = (n) => left + (Math.log(Math.max(n, least)) - Math.log(least)) / (Math.log(most) - Math.log(least) || 1) * (right - left);
  const values = curve.points.flatMap(([, value, low, high]) => [value, low ?? value, high ?? value]);
  const [bottomValue, topValue] = [Math.min(0, ...values), Math.max(1, ...values)];
  const y = (value) => bottom - (value - bottomValue) / (topValue - bottomValue) * (bottom - top);
  const picture = drawn("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "group", "aria-label": curve.title });
  const text = (at, words, anchor = "middle") => drawn("text", { x: at[0], y: at[1], "text-anchor": anchor }, words);
  for (const value of ticks(bottomValue, topValue)) {
    picture.append(drawn("line", { x1: left, x2: right, y1: y(value), y2: y(value), class: "grid" }), text([left - 8, y(value) + 4], share(value), "end"));
  }
  let labelled = -Infinity;
  for (const n of [...new Set(sizes)].sort((a, b) => a - b)) {
    if (x(n) - labelled > 34) {
      picture.append(text([x(n), bottom + 16], n.toLocaleString("en")));
      labelled = x(n);
    }
  }
  picture.append(text([(left + right) / 2, height - 3], "edges"));
  const points = curve.points.filter(([n]) => n > 0);
  picture.append(drawn("polyline", { points: points.map(([n, value]) => `${x(n)},${y(value)}`).join(" "), class: "line" }));
  for (const [n, value, low, high] of points) {
    if (low !== null) picture.append(drawn("line", { x1: x(n), x2: x(n), y1: y(low), y2: y(high), class: "whisker" }));
    const said = `${count(n, "edge")}: ${share(value)}${shareInterval(low, high)}`;
    const point = drawn("circle", { cx: x(n), cy: y(value), r: 5, class: "point", tabindex: "0", role: "button", "aria-label": `Show the strongest ${n}; ${said}` }, drawn("title", {}, said));
    point.addEventListener("click", () => onSize(n));
    point.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); onSize(n); }
    });
    picture.append(point);
  }
  picture.append(drawn("line", { x1: x(now), x2: x(now), y1: top, y2: bottom, class: "now" }));
  return picture;
}

// What one token of a prompt attends to, over the tokens up to it.
export function attentionRow({ tokens, weights }, colors) {
  const cells = weights.map((weight, at) => {
    const cell = element("span", { class: "token", title: `${(100 * weight).toFixed(1)} %` }, visible(tokens[at]));
    cell.style.background = mixed(colors.opposes, Math.min(1, weight) * 0.8, colors.paper);
    cell.style.color = weight > 0.55 ? colors.paper : colors.ink;
    return cell;
  });
  return element("p", { class: "tokens" }, cells);
}

export function visible(token) {
  return token.replaceAll("\n", "\u23ce").replace(/^ /, "\u00a0").replace(/ $/, "\u00a0");
}

const LAYER_WIDTH = 7, LEAST_WIDTH = 8; // of columns of recovery rates, in characters

// Recovery rates, layer by position, as a table whose cells are colored.
export function recoveryTable(kind, trace, colors) {
  const values = trace.kinds.flatMap((one) => one.values.flat());
  const limit = Math.max(1e-9, ...values.filter((value) => value !== null).map(Math.abs));
  const rows = kind.values.map((row, layer) => [layer, row]).reverse();
  // Every column of every table is as wide as the longest name needs, so that positions stand below each other.
  const width = Math.max(LEAST_WIDTH, ...trace.positions.map((position) => position.length + 3));
  const table = element("table", { class: "heat" },
    element("caption", {}, `${kind.name}: ${trace.measure}`),
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "layer"), trace.positions.map((position) => element("th", { scope: "col" }, position)))),
    element("tbody", {}, rows.map(([layer, row]) => element("tr", {}, element("th", { scope: "row" }, String(layer)),
      row.map((value, at) => {
        const cell = element("td", { title: value === null ? "not measured" : `${share(value)}${shareInterval(kind.low[layer][at], kind.high[layer][at])}` }, value === null ? "\u2013" : share(value));
        if (value !== null) cell.style.background = mixed(value > 0 ? colors.supports : colors.opposes, 0.55 * Math.abs(value) / limit, colors.paper);
        return cell;
      })))));
  table.style.width = `${LAYER_WIDTH + trace.positions.length * width}ch`;
  return element("div", { class: "scrolls", tabindex: "0", role: "group", "aria-label": `${trace.measure}, ${kind.name}` }, table);
}
