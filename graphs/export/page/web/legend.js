// What the lines and boxes that are drawn mean: an entry for each look that is there, and none for others.
import { nodeMembership } from "./data.js";
import { byId, element } from "./dom.js";
import { isAgainst, lineKind, rolesOf } from "./looks.js";

export function writeLegend({ data, canvas }) {
  const entries = data.circuits.length > 1 ? ofSeveral(data, canvas) : ofOne(data, canvas);
  const words = data.ranked_by === "score" && canvas.lines.length ? [`wider: larger |score|${data.circuits.length > 1 ? " in its circuit" : ""}`] : [];
  if (isServing(data, canvas)) words.push("kv: key-value head, beside the heads that it serves");
  byId("legend").replaceChildren(
    ...entries.map(([look, text]) => element("span", { class: "key" }, element("span", { class: `swatch ${look}`, "aria-hidden": "true" }), text)),
    ...markers(canvas).map(([port, text]) => element("span", { class: "key" }, element("span", { class: `marker ${port}`, "aria-hidden": "true" }), text)),
    ...words.map((text) => element("span", { class: "key" }, text)),
  );
}

// The inputs that lines enter, by what is at their ends.
function markers({ lines }) {
  const drawn = new Set(lines.map(({ port }) => port));
  return [["q", "query"], ["k", "key"], ["v", "value"]].filter(([port]) => drawn.has(port));
}

function isServing(data, { boxes }) {
  const drawn = new Set(boxes);
  return data.serves.some((pair) => pair.every((node) => drawn.has(node)));
}

function ofSeveral(data, { lines, boxes }) {
  const drawn = new Set([...lines.map((line) => lineKind(data, line)), ...boxes.map((at) => nodeMembership(data, at))]);
  const areTwo = data.circuits.length === 2;
  const entries = [
    ...data.circuits.map(({ label }, at) => [at, `circuit-${at % 6}`, `only ${label}`]),
    ["shared", "shared", areTwo ? "in both" : "in all"],
    ["some", "gray dotted", "in some"],
    ["flipped", "flipped", "in both, sign flipped"],
  ].filter(([kind]) => drawn.has(kind)).map(([, ...entry]) => entry);
  return lines.some((line) => isAgainst(data, line)) ? [...entries, ["ink dashed", "works against the behavior"]] : entries;
}

function ofOne(data, { lines, boxes }) {
  const drawn = new Set(lines.map((line) => lineKind(data, line)));
  const ofLines = [["supports", "supports", "supports the behavior"], ["opposes", "opposes dashed", "works against it"], ["unsigned", "gray", "score 0, or not measured"]]
    .filter(([kind]) => drawn.has(kind)).map(([, ...entry]) => entry);
  const nodes = boxes.map((at) => data.nodes[at]);
  const fills = [["fill supports", "node that supports the behavior", (effect) => effect > 0], ["fill opposes", "node that works against it", (effect) => effect < 0]]
    .filter(([, , holds]) => nodes.some(({ effect }) => effect !== null && holds(effect)));
  const roles = rolesOf(data).map((role, at) => [`frame role-${at % 8}`, role]).filter(([, role]) => nodes.some((node) => node.role === role));
  return [...ofLines, ...fills, ...roles];
}
