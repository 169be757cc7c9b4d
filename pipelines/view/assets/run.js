// A run that is not finished: how far it is, or the command that continues it. Once it is finished, its page.
import { bar, command, element, json } from "/assets/common.js";

const by = (id) => document.getElementById(id);
const folder = location.pathname.slice("/run/".length);
let shown = "";

async function follow() {
  try {
    const run = await json(`/run.json?run=${folder}`);
    if (run.is_finished) { location.reload(); return; }
    by("title").textContent = document.title = run.run;
    by("state").textContent = run.words;
    by("state").className = run.kind === "damaged" ? "problem" : "";
    const said = JSON.stringify([run.kind, run.continue, run.error, run.running?.share]);
    if (said !== shown) {
      shown = said;
      const facts = [["Task", run.task], ["Model", run.model], ["Method", run.method], ["Asked", run.asked]].filter(([, text]) => text);
      by("content").replaceChildren(
        ...(run.kind === "running" ? [bar(run.running.share, "share done")] : []),
        ...(run.kind === "failed" ? [element("p", { className: "problem", textContent: run.error })] : []),
        ...(run.continue ? [element("p", { textContent: run.kind === "failed" ? "Try again with" : "Continue it with" }), command(run.continue)] : []),
        element("dl", {}, ...facts.flatMap(([name, text]) => [element("dt", { textContent: name }), element("dd", { textContent: text })])));
    }
  } catch (error) {
    by("state").textContent = error instanceof TypeError ? "The server has ended: circuits view starts it again." : error.message;
  }
  setTimeout(follow, 1000);
}
follow();
