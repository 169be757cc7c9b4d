// Colors of boxes and lines, by the rules of the figures, in the colors of the page as it is now: light or dark.
import { edgeMembership, isFlipped, nodeMembership } from "./data.js";
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

export function lineColor(data, edge, colors) {
  if (data.circuits.length > 1) {
    if (isFlipped(data, edge)) return colors.flipped;
    return memberColor(edgeMembership(data, edge), colors);
  }
  return signColor(data.edges.circuits[0].score[edge], colors);
}

export function signColor(score, colors) {
  if (!score) return colors.gray;
  return score > 0 ? colors.supports : colors.opposes;
}

export function memberColor(member, colors) {
  if (member === "shared") return colors.shared;
  return member === "some" ? colors.gray : colors.circuits[member];
}

// Dashed where a line works against the behavior, in every circuit that has it.
export function isAgainst(data, edge) {
  const scores = data.edges.circuits.map((circuit) => circuit.score[edge]).filter((score) => score !== null);
  return scores.length > 0 && scores.every((score) => score < 0);
}

export function boxLook(data, at, colors) {
  const node = data.nodes[at];
  if (data.circuits.length > 1 && !node.is_bar) {
    const own = memberColor(nodeMembership(data, at), colors);
    return { fill: mixed(own, 0.18, colors.paper), frame: own, line: 1.4, text: colors.ink };
  }
  if (node.is_bar) return { fill: colors.ink, frame: colors.ink, line: 0, text: colors.paper };
  const frame = node.role === null ? mixed(colors.ink, 0.55, colors.paper) : colors.roles.get(node.role);
  return { fill: fillOf(node, colors), frame, line: node.role === null ? 0.8 : 2.4, text: colors.ink };
}

function fillOf(node, colors) {
  if (node.effect !== null) {
    return mixed(node.effect > 0 ? colors.supports : colors.opposes, 0.5 * Math.abs(node.effect), colors.neutral);
  }
  if (node.is_mlp) return colors.mlp;
  return node.is_attention ? colors.attention : colors.paper;
}
