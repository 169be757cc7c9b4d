// The page: what is shown, what is selected, what was annotated; every change writes the parts that depend on it.
import { Canvas } from "./canvas.js";
import { ANNOTATIONS_FILE, buildFilters, buildTools, writeCommand, writeFilters } from "./controls.js";
import { edgeMembership, effectsOf, read } from "./data.js";
import { showDetails } from "./details.js";
import { byId, element } from "./dom.js";
import { shownEdges } from "./filter.js";
import { asFile, fromFile } from "./groups.js";
import { writeLegend } from "./legend.js";
import { buildLists, mark, writeLists } from "./lists.js";
import { liveLine } from "./measured.js";
import { writeAbout, writePrompts, writeShared, writeSizes, writeTrace } from "./sections.js";

const STEPS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

class Page {
  constructor(data) {
    this.data = data;
    this.state = {
      settings: data.first,
      selection: null,
      annotations: { groups: data.annotations.groups, notes: data.annotations.notes },
      listed: { node: 200, edge: 200 },
      prompts: data.circuits.map(() => false),
      attention: null,
    };
    byId("title").textContent = data.title;
    byId("subtitle").textContent = data.subtitle;
    this.canvas = new Canvas(byId("canvas"), data, { select: (selection) => this.select(selection), tip: showTip });
    buildFilters(this);
    buildTools(this);
    buildLists(this);
    writePrompts(this);
    writeShared(this);
    writeTrace(this);
    writeAbout(this);
    this.filter(data.first);
    this.canvas.fit();
    byId("canvas").addEventListener("keydown", (event) => this.key(event));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.canvas.recolor();
      writeTrace(this);
      showDetails(this);
    });
    new ResizeObserver(() => this.canvas.resized()).observe(byId("canvas"));
  }

  // The effects of an edge on single prompts, in one circuit; null where they are not kept.
  effects(circuit, edge) {
    return effectsOf(this.data, circuit, edge);
  }

  everything() {
    return { top: null, min_score: null, heads_only: false, layers: null, roles: [], ports: [], only: null };
  }

  filter(settings) {
    this.state.settings = settings;
    this.shown = shownEdges(this.data, settings);
    this.state.listed = { node: 200, edge: 200 };
    this.canvas.show(this.shown, this.state.annotations.groups);
    this.canvas.mark(this.state.selection);
    writeLegend(this);
    writeFilters(this);
    byId("live").textContent = liveLine(this.data, this.shown);
    writeLists(this);
    writeSizes(this);
    writeCommand(this);
    this.countMembers();
    showDetails(this);
  }

  // How many edges each choice of circuits would show, with the other filters as they are; one that would show none
  // is not to be chosen.
  countMembers() {
    if (this.data.circuits.length < 2) return;
    const kept = shownEdges(this.data, { ...this.state.settings, only: null, top: null });
    const number = (only) => kept.filter((edge) => only === "" || String(edgeMembership(this.data, edge)) === ({ a: "0", b: "1" }[only] ?? only)).length;
    for (const field of document.querySelectorAll("[data-count]")) {
      const { count: only } = field.dataset, choice = field.closest("label").control, n = number(only);
      field.textContent = n.toLocaleString("en");
      choice.disabled = n === 0 && only !== "" && !choice.checked;
    }
  }

  // `isFromList`: the drawing moves to what is selected, and the panel is told to screen readers.
  select(selection, isFromList = false) {
    this.state.selection = selection;
    this.canvas.mark(selection);
    if (isFromList && selection !== null) this.canvas.reveal(selection);
    mark(selection);
    showDetails(this);
    if (isFromList && selection !== null) byId("details").focus({ preventScroll: !matchMedia("(max-width: 900px)").matches });
  }

  // A node by its name, or the first with a role that begins so.
  find(text) {
    const wanted = text.trim().toLowerCase();
    if (!wanted) return;
    const { nodes } = this.data;
    const tests = [({ name }) => name.toLowerCase() === wanted, ({ name }) => name.toLowerCase().startsWith(wanted), ({ role }) => role?.toLowerCase().startsWith(wanted)];
    const at = tests.map((test) => nodes.findIndex(test)).find((number) => number >= 0);
    if (at === undefined) {
      byId("live").textContent = `No node is called ${text}, and no role begins so.`;
      return;
    }
    if (!this.canvas.used.has(at)) byId("live").textContent = `${nodes[at].name} is in the circuit, but these filters leave none of its edges.`;
    this.select({ node: at });
    this.canvas.reveal({ node: at });
  }

  key(event) {
    const step = STEPS[event.key];
    if (step) {
      const next = this.canvas.neighbor(this.canvas.selectedNode(this.state.selection), step);
      if (next) {
        this.select(next);
        this.canvas.reveal(next);
      }
    } else if (event.key === "+" || event.key === "=") this.canvas.zoomBy(1.3);
    else if (event.key === "-") this.canvas.zoomBy(1 / 1.3);
    else if (event.key === "0") this.canvas.fit();
    else if (event.key === "Enter") byId("details").focus();
    else if (event.key === "Escape") this.select(null);
    else return;
    event.preventDefault();
  }

  annotate(change) {
    change(this.state.annotations);
    const { selection } = this.state;
    if (selection !== null && selection.group !== undefined) this.state.selection = null;
    this.filter(this.state.settings);
  }

  save() {
    const url = URL.createObjectURL(new Blob([asFile(this.state.annotations)], { type: "application/json" }));
    element("a", { href: url, download: ANNOTATIONS_FILE }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  async load(field) {
    const [file] = field.files;
    if (!file) return;
    try {
      this.state.annotations = fromFile(await file.text(), this.data.nodes.map(({ name }) => name));
      this.filter(this.state.settings);
    } catch (error) {
      byId("live").textContent = error.message;
    }
    field.value = "";
  }

  showPrompt(side, at) {
    this.state.prompts[side] = true;
    writePrompts(this);
    const prompt = byId(`prompt-${side}-${at}`);
    prompt.scrollIntoView({ block: "center" });
    prompt.focus({ preventScroll: true });
  }
}

function showTip(words, place) {
  const tip = byId("tip");
  tip.hidden = !words;
  if (!words) return;
  tip.textContent = words;
  tip.style.left = `${Math.round(place.x + 12)}px`;
  tip.style.top = `${Math.round(place.y + 12)}px`;
}

globalThis.circuitPage = new Page(read(byId("data").textContent));
