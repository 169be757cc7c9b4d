// Colors of boxes and lines, by the rules of the figures, in the colors of the page as it is now: light or dark.
import { isFlipped, membership, nodeMembership } from "./data.js";
import { color, mixed } from "./dom.js";

export function palette(data) {
  const names = ["paper", "ink", "gray", "pale", "supports", "opposes", "attention", "mlp", "neutral", "flipped", "shared", "accent"];
  const colors = Object.fromEntries(names.map((name) => [name, color(name)]));
  colors.roles = new Map(rolesOf(data).map((role, at) => [role, color(`role-${at % 8}`)]));
  colors.circuits = data.circuits.map((_, at) => color(`circuit-${at % 6}`));
  return colors;
}

export function rolesOf(data) {
  return [...new Set(data.nodes.map((node) => node.role).filter((role) => role !== null))];
}

// What a line's color says: "supports", "opposes", or "unsigned" (0, or not measured) in one circuit; of several,
// "flipped", or which of them have one of its edges, as `membership` has it.
export function lineKind(data, { edges }) {
  if (data.circuits.length > 1) {
    if (edges.length === 1 && isFlipped(data, edges[0])) return "flipped";
    return membership(data.circuits.map((_, at) => edges.some((edge) => data.edges.circuits[at].has[edge])));
  }
  const score = summed(data, edges, 0);
  return score ? (score > 0 ? "supports" : "opposes") : "unsigned";
}

// Summed over edges, in one circuit; null where none was measured.
export function summed(data, edges, circuit) {
  const scores = edges.map((edge) => data.edges.circuits[circuit].score[edge]).filter((score) => score !== null);
  return scores.length ? scores.reduce((total, score) => total + score, 0) : null;
}

// Whether a line works against the behavior, in every circuit that has it: it is dashed.
export function isAgainst(data, { edges }) {
  const scores = data.circuits.map((_, at) => summed(data, edges, at)).filter((score) => score !== null);
  return scores.length > 0 && scores.every((score) => score < 0);
}

export function lineLook(data, line, colors) {
  const kind = lineKind(data, line), strength = Math.max(...line.edges.map((edge) => data.edges.strength[edge]));
  const own = kind === "unsigned" ? colors.gray : colors[kind] ?? memberColor(kind, colors);
  const [dash, pattern] = dashes(kind === "some", isAgainst(data, line));
  return { color: mixed(own, 0.4 + 0.6 * strength, colors.paper), width: 0.7 + 3 * strength, dash, pattern, z: strength };
}

// The style of a line, and its dashes and gaps in pixels: dots where some of the circuits have it and others not, since the
// colors of weak lines do not tell that from what all have; dashes where it works against the behavior; both where both.
function dashes(isInSome, isDashed) {
  const pattern = [...(isDashed ? [6, 3] : []), ...(isInSome ? [2, 3] : [])];
  return pattern.length ? ["dashed", pattern.join(" ")] : ["solid", "6 3"];
}

export function memberColor(member, colors) {
  if (member === "shared") return colors.shared;
  return member === "some" ? colors.gray : colors.circuits[member];
}

export function boxLook(data, at, colors) {
  const node = data.nodes[at];
  if (data.circuits.length > 1 && !node.is_bar) {
    const member = nodeMembership(data, at), own = memberColor(member, colors);
    return { fill: mixed(own, 0.18, colors.paper), frame: own, line: 1.4, border: member === "some" ? "dashed" : "solid", text: colors.ink };
  }
  if (node.is_bar) return { fill: colors.ink, frame: colors.ink, line: 0, border: "solid", text: colors.paper };
  const frame = node.role === null ? mixed(colors.ink, 0.55, colors.paper) : colors.roles.get(node.role);
  return { fill: fillOf(node, colors), frame, line: node.role === null ? 0.8 : 2.4, border: "solid", text: colors.ink };
}

function fillOf(node, colors) {
  if (node.effect !== null) {
    return mixed(node.effect > 0 ? colors.supports : colors.opposes, 0.5 * Math.abs(node.effect), colors.neutral);
  }
  if (node.is_mlp) return colors.mlp;
  return node.is_attention ? colors.attention : colors.paper;
}
