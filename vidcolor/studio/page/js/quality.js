// The tab of quality: vidcolor eval on pictures in colour.

import { attempt, get, post, upload } from "./api.js";
import { dropBox, el, field, lines, replace, say } from "./dom.js";
import { chooser } from "./folders.js";
import { checkedModels, modelBoxes } from "./models.js";

export class Quality {
  constructor(root, server, jobs) {
    this.jobs = jobs;
    this.inputs = [];
    this.list = el("ul", { class: "plain" });
    this.models = modelBoxes(server, (at) => at === 0);
    this.limit = el("input", { type: "number", min: "1", max: "10000", value: "24" });
    this.status = el("p", { class: "small", role: "status" });
    this.result = el("div", {});
    this.button = el("button", { class: "strong", disabled: true, onclick: () => this.measure() }, "Measure");
    replace(root,
      el("p", { class: "quiet" }, "Photographs or a film in colour are made grey, coloured, and compared with themselves."),
      dropBox("Drop colour photographs or one colour film here.", "image/*,video/*,.mkv,.mts,.tif,.tiff", (files) => this.add(files)),
      chooser(server, ["film", "photo"], (entry) => this.take(entry)),
      el("div", { class: "panel" }, this.list, this.models, field("Photographs, or frames of the film, at most", this.limit),
        this.button, this.status), this.result);
  }

  async add(files) {
    for (const file of files) {
      this.status.textContent = `upload of ${file.name}`;
      const found = await attempt(() => upload(file));
      if (found) this.insert(found);
    }
    this.status.textContent = "";
  }

  async take(entry) {
    const found = await attempt(() => get("/api/info", { source: entry.id }));
    if (found) this.insert(found);
  }

  insert(found) {
    if (found.kind === "photo" && !found.has_color) {
      say(`${found.name} has no colours: there is nothing to compare with`);
      return;
    }
    this.inputs.push(found);
    const line = el("li", { class: "row" }, found.name,
      el("button", { "aria-label": `Remove ${found.name}`, onclick: () => {
        this.inputs = this.inputs.filter((each) => each !== found);
        line.remove();
        this.button.disabled = !this.inputs.length;
      } }, "×"));
    this.list.append(line);
    this.button.disabled = false;
  }

  async measure() {
    const models = checkedModels(this.models);
    const job = await attempt(() => post("/api/jobs", { kind: "quality", sources: this.inputs.map((i) => i.source), models,
      limit: Number(this.limit.value) || null }));
    if (!job) return;
    this.button.disabled = true;
    const ended = await this.jobs.follow(job.id, (now) => { this.status.textContent = this.jobs.words(now); });
    this.button.disabled = false;
    if (!ended) return;
    replace(this.result, lines(ended.errors, "bad"), ended.state === "done"
      ? el("iframe", { src: `/api/jobs/${job.id}/evaluation`, sandbox: "", title: "Report on quality" }) : null);
  }
}
