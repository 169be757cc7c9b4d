// How faithful what is shown is, as far as that was measured.
import { edgeMembership } from "./data.js";
import { count, share, shareInterval } from "./dom.js";
import { areStrongest } from "./filter.js";

// "60 of 636 edges, 71 % of the score. Faithfulness of these edges: 0.43 [0.38, 0.48] on the prompts that chose."
export function liveLine(data, shown) {
  const [circuit, ...others] = data.circuits;
  if (!data.n) return emptyLine(data.circuits);
  if (!shown.length) return `0 of ${count(data.n, "edge")}: these filters leave nothing. Loosen one of them.`;
  if (others.length) return ofSeveral(data, shown);
  return `${sizeText(data, shown, 0)}. ${faithfulnessText(data, shown)}`;
}

// Why there is nothing, whatever is filtered.
function emptyLine(circuits) {
  if (circuits.length === 1) return `This circuit is empty: ${circuits[0].reason}`;
  return `These circuits are empty: ${circuits.map(({ label, reason }) => `${label}: ${reason}`).join("; ")}`;
}

// "ioi: 30 of 48 edges; greater-than: 90 of 158 edges; in both: 12."
function ofSeveral(data, shown) {
  const shared = shown.filter((edge) => edgeMembership(data, edge) === "shared").length;
  const each = data.circuits.map((_, at) => ofOne(data, shown, at));
  return `${each.join("; ")}; in ${each.length > 2 ? "all" : "both"}: ${shared.toLocaleString("en")}.`;
}

function ofOne(data, shown, at) {
  const has = data.edges.circuits[at].has;
  const n = shown.filter((edge) => has[edge]).length;
  return `${data.circuits[at].label}: ${n.toLocaleString("en")} of ${count(data.circuits[at].n_edges, "edge")}`;
}

function sizeText(data, shown, at) {
  const scores = data.edges.circuits[at].score;
  const sum = (edges) => edges.reduce((total, edge) => total + Math.abs(scores[edge] ?? 0), 0);
  const whole = sum(scores.map((_, edge) => edge));
  const part = whole && shown.length < data.n ? `, ${Math.round((100 * sum(shown)) / whole)} % of the score` : "";
  return `${shown.length.toLocaleString("en")} of ${count(data.n, "edge")}${part}`;
}

function faithfulnessText(data, shown) {
  const [circuit] = data.circuits;
  const known = faithfulnessOf(circuit, shown);
  if (known !== null) {
    return `Faithfulness of these edges alone: ${share(known.value)}${shareInterval(known.low, known.high)} on ${known.prompts}.`;
  }
  const near = nearest(circuit, shown.length);
  if (near === null) return "Faithfulness at this size: not measured.";
  if (!areStrongest(data, shown)) {
    return "Faithfulness of exactly these edges: not measured. Sizes were measured of the strongest edges alone, and " +
      "these are others.";
  }
  const [n, value, low, high] = near.point;
  return `Faithfulness of exactly these edges: not measured. The nearest size that was: ${count(n, "edge")}, ` +
    `${share(value)}${shareInterval(low, high)} (${near.title}).`;
}

// Of exactly these edges; null where they were not run alone.
export function faithfulnessOf(circuit, shown) {
  if (shown.length === circuit.n_edges && circuit.faithfulness) return circuit.faithfulness;
  return circuit.measured.find(({ edges }) =>
    edges.length === shown.length && edges.every((edge, at) => edge === shown[at])) ?? null;
}

// The point of a curve whose size is nearest.
export function nearest(circuit, n) {
  const points = circuit.curves.flatMap(({ title, points: own }) => own.map((point) => ({ title, point })));
  const away = ({ point }) => Math.abs(point[0] - n);
  return points.reduce((best, one) => (best === null || away(one) < away(best) ? one : best), null);
}
