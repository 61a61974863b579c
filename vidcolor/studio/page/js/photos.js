// The tab of photographs: drop many, look at one, colour one or all.

import { attempt, get, picture, post, remove, upload } from "./api.js";
import { bytes, dropBox, el, lines, replace, say } from "./dom.js";
import { chooser } from "./folders.js";
import { Latest, Pair } from "./pair.js";
import { Settings } from "./settings.js";
import { Steering } from "./steering.js";
import { Sweep } from "./sweep.js";

const PHOTOS = "image/*,.tif,.tiff,.heic,.heif,.avif,.jp2";

export class Photos {
  constructor(root, server, jobs) {
    this.server = server;
    this.jobs = jobs;
    this.photos = [];
    this.settings = new Settings(server, { onChange: () => this.refresh() });
    this.drawing = new Latest((...wish) => this.draw(...wish));
    this.strip = el("div", { class: "strip", role: "group", "aria-label": "Photographs" });
    this.title = el("h2", {});
    this.about = el("p", { class: "small" });
    this.pair = new Pair("photograph");
    this.steering = new Steering(this);
    this.sweep = new Sweep(server, this);
    this.status = el("div", { role: "status" });
    this.result = el("div", { class: "row" });
    this.all = el("button", { onclick: () => this.color(this.photos) });
    this.work = el("div", { hidden: true },
      this.strip,
      el("div", { class: "columns" },
        el("div", { class: "panel" }, this.title, this.about, this.pair.node, this.result,
          el("div", { class: "row" }, el("button", { onclick: () => this.sweep.open() }, "Compare settings (sweep)")),
          this.sweep.node, this.steering.node),
        el("div", { class: "panel" }, this.settings.node,
          el("div", { class: "row" },
            el("button", { class: "strong", onclick: () => this.color([this.current]) }, "Colour this one"), this.all,
            el("button", { onclick: () => this.forget() }, "Remove from list")), this.weights())));
    this.root = root;
    replace(root,
      dropBox("Drop photographs here. They stay on this machine.", PHOTOS, (files) => this.add(files)),
      this.status,
      chooser(server, ["photo"], (entry) => this.take(entry)), this.work);
    attempt(async () => {
      const known = await get("/api/uploads");
      for (const each of known.filter((u) => u.kind === "photo")) this.insert(each);
    });
  }

  weights() {
    if (!this.server.allow_weights) return null;
    const input = el("input", { type: "file", accept: ".pth,.safetensors", "aria-label": "Weights file",
      onchange: () => attempt(async () => {
        const found = await upload(input.files[0], null, "/api/weights");
        this.settings.addWeights(found.model, `${found.name} (${found.network})`);
        say(`${found.name}: loaded`, "good");
      }) });
    return el("details", {}, el("summary", {}, "Weights of your own"), input);
  }

  async add(files) {
    for (const [at, file] of files.entries()) {
      const bar = el("progress", { max: 1, value: 0, "aria-label": `Upload of ${file.name}` });
      replace(this.status, el("p", { class: "small" }, `${at + 1} of ${files.length}: ${file.name}`), bar);
      const found = await attempt(() => upload(file, (share) => { bar.value = share; }));
      if (!found) continue;
      if (found.kind === "photo") this.insert(found);
      else this.onFilm(found);
    }
    replace(this.status);
  }

  async take(entry) {
    const found = await attempt(() => get("/api/info", { source: entry.id }));
    if (found) this.insert({ ...found, size: entry.size });
  }

  insert(photo) {
    if (this.photos.some((p) => p.source === photo.source)) return;
    const image = el("img", { alt: "" });
    photo.button = el("button", { "aria-pressed": "false", title: photo.name, onclick: () => this.choose(photo) },
      image, el("span", {}, photo.name));
    this.photos.push(photo);
    this.strip.append(photo.button);
    picture("/api/photos/picture", { source: photo.source, side: "before", max_px: 256 })
      .then((url) => { image.src = url; }, () => {});
    this.work.hidden = false;
    this.root.classList.add("has-work");
    this.all.textContent = `Colour all ${this.photos.length}`;
    this.all.hidden = this.photos.length < 2;
    if (!this.current) this.choose(photo);
  }

  async choose(photo) {
    this.current = photo;
    for (const each of this.photos) each.button.setAttribute("aria-pressed", String(each === photo));
    this.title.textContent = photo.name;
    this.sweep.clear();
    replace(this.result);
    this.pair.clear();
    if (!photo.facts) Object.assign(photo, await attempt(() => get("/api/info", { source: photo.source })));
    if (this.current !== photo) return;
    replace(this.about, `${photo.facts?.[0]?.[1] ?? ""}${photo.size ? `, ${bytes(photo.size)}` : ""}`, lines(photo.warnings, "warn"));
    this.steering.load();
    this.refresh();
  }

  get item() { return this.current; }

  refresh() {
    if (this.current) this.drawing.ask(this.current, this.settings.look, this.steering.version);
  }

  async draw(photo, look, version) {
    this.pair.busy(true);
    await attempt(async () => {
      const source = photo.source;
      const [before, after] = await Promise.all([
        picture("/api/photos/picture", { source, side: "before" }),
        picture("/api/photos/picture", { source, side: "after", ...look, directed: true, version }),
      ]);
      if (this.current !== photo) return;
      await this.pair.show(before, after);
      this.pair.node.dataset.look = JSON.stringify({ ...look, version });
    });
    this.pair.busy(false);
    this.steering.mark();
  }

  async forget() {
    const gone = this.current;
    if (gone.source.startsWith("upload:")) {
      const key = gone.source.slice("upload:".length);
      if ((await attempt(async () => { await remove(`/api/uploads/${key}`); return true; })) !== true) return;
    }
    this.photos = this.photos.filter((p) => p !== gone);
    gone.button.remove();
    this.all.textContent = `Colour all ${this.photos.length}`;
    this.all.hidden = this.photos.length < 2;
    this.current = null;
    this.work.hidden = !this.photos.length;
    this.root.classList.toggle("has-work", this.photos.length > 0);
    if (this.photos.length) this.choose(this.photos[0]);
  }

  async color(photos) {
    const job = await attempt(() => post("/api/jobs", { kind: "photos", sources: photos.map((p) => p.source), settings: this.settings.value,
      processes: this.settings.shared }));
    if (!job) return;
    const line = el("p", { class: "small", role: "status" }, "waiting");
    replace(this.result, line);
    const ended = await this.jobs.follow(job.id, (now) => { line.textContent = this.jobs.words(now); });
    if (ended) replace(this.result, ...this.jobs.downloads(ended), lines(ended.warnings, "warn"), lines(ended.errors, "bad"));
  }
}
