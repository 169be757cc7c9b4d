// Below the drawing: faithfulness over size, recovery rates, prompts, and where everything came from.
import { recoveryTable, sizeChart, visible } from "./charts.js";
import { byId, count, element, share, shareInterval, table } from "./dom.js";
import { palette } from "./looks.js";

const FIRST = 6;

export function writeSizes(page) {
  const { data, shown } = page;
  const parts = data.circuits.flatMap((circuit, side) => circuit.curves.map((curve) => {
    const n = shown.filter((edge) => data.edges.circuits[side].has[edge]).length;
    const title = data.circuits.length > 1 ? `${circuit.label}: ${curve.title}` : curve.title;
    return element("figure", {}, element("figcaption", {}, title),
      sizeChart(curve, { n: circuit.n_edges }, Math.max(1, n), (size) => page.filter({ ...page.state.settings, top: size })),
      element("details", {}, element("summary", {}, "As a table"),
        table(title, ["edges", "faithfulness", "95 % interval"], curve.points.map(([size, value, low, high]) => [size.toLocaleString("en"), share(value), shareInterval(low, high)]))));
  }));
  const whole = data.circuits.map((circuit) => {
    const known = circuit.faithfulness;
    const said = known === null ? "not measured" : `${share(known.value)}${shareInterval(known.low, known.high)} on ${known.prompts}`;
    const lost = circuit.unmeasured.sizes ? `; ${circuit.unmeasured.sizes}` : "";
    return element("li", {}, `${data.circuits.length > 1 ? `${circuit.label}: ` : ""}all ${count(circuit.n_edges, "edge")}: ${said}${lost}`);
  });
  const none = data.circuits.some(({ unmeasured }) => unmeasured.sizes) ? [] : [element("p", { class: "unmeasured" }, "Nothing is kept of other sizes.")];
  byId("sizes").replaceChildren(element("h2", {}, "Faithfulness over size"), element("ul", {}, whole),
    ...(parts.length ? [element("p", { class: "hint" }, "The vertical line is the number of edges shown. A point shows as many of the strongest."), element("div", { class: "figures" }, parts)] : none));
}

export function writeShared(page) {
  const { shared } = page.data;
  byId("shared").hidden = shared === null;
  if (shared === null) return;
  byId("shared").replaceChildren(element("h2", {}, "What they share"), table("Parts of the circuits", shared.headings, shared.rows));
}

export function writeTrace(page) {
  const traces = page.data.circuits.flatMap(({ traces: own }) => own);
  for (const id of ["trace", "to-trace"]) byId(id).hidden = !traces.length;
  // Of traces alone, what was measured comes first: the circuit is what the layers with the highest rates make.
  if (page.data.circuits.every((circuit) => circuit.traces.length)) {
    byId("live").before(byId("trace"));
    byId("to-drawing").before(byId("to-trace"));
  }
  const colors = palette(page.data);
  byId("trace").replaceChildren(...traces.flatMap((trace) => [
    element("h2", {}, page.data.circuits.length > 1 ? trace.title : ratesOf(trace)), element("p", {}, trace.subtitle),
    ...trace.kinds.map((kind) => recoveryTable(kind, trace, colors)), ...trace.notes.map((note) => element("p", { class: "hint" }, note)),
  ]));
}

// On a page of one run, which is named above, what a table has: "Recovery rates: heads at END".
const ratesOf = (trace) => ["Recovery rates", ...trace.title.split(": ").slice(1)].join(": ");

export function writePrompts(page) {
  const { data } = page;
  const parts = data.circuits.flatMap((circuit, side) => {
    const heading = data.circuits.length > 1 ? [element("h3", {}, circuit.label)] : [];
    const use = circuit.prompts_used ? [element("p", { class: "hint" }, `${circuit.prompts_used[0].toUpperCase()}${circuit.prompts_used.slice(1)}.`)] : [];
    if (!circuit.prompts.length) {
      const words = circuit.unmeasured.prompts ?? "They are not kept with this circuit.";
      return [...heading, ...use, element("p", { class: "unmeasured" }, words)];
    }
    const most = page.state.prompts[side] ? circuit.prompts.length : FIRST;
    const list = element("ol", { start: "0", class: "prompts" }, circuit.prompts.slice(0, most).map((prompt, at) => onePrompt(prompt, side, at)));
    const more = circuit.prompts.length > most ? [element("button", { type: "button", onclick: () => { page.state.prompts[side] = true; writePrompts(page); } }, `Show all ${circuit.prompts.length}`)] : [];
    return [...heading, ...use, list, ...more];
  });
  byId("prompts").replaceChildren(element("h2", {}, "Prompts"), ...parts);
}

function onePrompt(prompt, side, at) {
  const roles = new Map();
  for (const [role, places] of Object.entries(prompt.roles)) {
    for (const place of places) roles.set(place, [...(roles.get(place) ?? []), role]);
  }
  const line = (words, tokens, other) => element("p", { class: "tokens" }, element("span", { class: "side" }, words),
    tokens.map((token, place) => {
      const own = roles.get(place);
      const differs = other && other[place] !== token ? " differs" : "";
      return element("span", { class: `token${own ? " role" : ""}${differs}` }, visible(token), own ? element("small", {}, own.join(", ")) : null);
    }));
  const answers = `answers ${prompt.answers.map(quoted).join(", ")}${prompt.wrong_answers.length ? `; wrong ${prompt.wrong_answers.slice(0, 6).map(quoted).join(", ")}${prompt.wrong_answers.length > 6 ? ", \u2026" : ""}` : ""}`;
  return element("li", { id: `prompt-${side}-${at}`, tabindex: "-1" }, line(prompt.corrupt ? "clean" : prompt.label, prompt.clean, prompt.corrupt),
    prompt.corrupt ? line("corrupt", prompt.corrupt, prompt.clean) : null, element("p", { class: "hint" }, answers));
}

function quoted(text) {
  return `\u201c${text}\u201d`;
}

export function writeAbout(page) {
  const { about, circuits } = page.data;
  const facts = (rows) => element("dl", {}, rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
  const left = circuits.flatMap(({ label, left_out: own }) => (Object.keys(own).length ? [element("details", {}, element("summary", {}, `Left out of ${label}: ${Object.keys(own).length}`), facts(Object.entries(own)))] : []));
  byId("about").replaceChildren(element("h2", {}, "Where this came from"),
    ...(about.command ? [element("p", {}, "Made by ", element("code", {}, about.command))] : []),
    ...(about.facts.length ? [facts(about.facts)] : []),
    ...about.circuits.map((one) => element("details", { open: about.circuits.length === 1 }, element("summary", {}, one.label), facts(one.facts))), ...left);
}
