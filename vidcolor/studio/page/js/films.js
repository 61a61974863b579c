// The tab of films: choose one, look at its shots and frames, sweep, steer, clip, render.

import { attempt, get, picture, post, upload } from "./api.js";
import { bytes, clock, dropBox, duration, el, facts, field, lines, onDrop, replace } from "./dom.js";
import { chooser } from "./folders.js";
import { Latest, Pair } from "./pair.js";
import { Settings } from "./settings.js";
import { Steering } from "./steering.js";
import { Sweep } from "./sweep.js";

const FILMS = "video/*,.mkv,.mts,.m2ts,.mxf,.avi,.wmv,.vob,.gif";
const SHOTS_MS = 800;
const CLIP_S = 4;

export class Films {
  constructor(root, server, jobs) {
    this.jobs = jobs;
    this.settings = new Settings(server, { film: true, onChange: () => this.refresh() });
    this.drawing = new Latest((...wish) => this.draw(...wish));
    this.status = el("div", { role: "status" });
    this.earlier = el("div", { class: "row" });
    this.title = el("h2", {});
    this.about = el("div", {});
    this.shotsNote = el("p", { class: "small", role: "status" });
    this.strip = el("div", { class: "strip", role: "group", "aria-label": "Shots" });
    this.pair = new Pair("frame");
    this.time = el("input", { type: "range", min: "0", max: "1000", value: "0", step: "1", "aria-label": "Time",
      oninput: () => this.refresh() });
    this.timeNote = el("output", { class: "small" });
    this.sweep = new Sweep(server, this, { film: true });
    this.steering = new Steering(this, { film: true, server });
    this.clip = el("div", {});
    this.estimate = el("p", { class: "small", role: "status" });
    this.result = el("div", { role: "status" });
    this.start = el("input", { type: "number", min: "0", step: "0.1", placeholder: "begin" });
    this.end = el("input", { type: "number", min: "0", step: "0.1", placeholder: "end" });
    this.beside = el("input", { type: "checkbox", checked: true });
    this.besideRow = el("label", { class: "row small" }, this.beside, "write it beside the film");
    this.work = el("div", { hidden: true }, ...this.layout());
    this.root = root;
    this.folders = chooser(server, ["film"], (entry) => this.open(entry.id));
    replace(root, dropBox("Drop a film here. It stays on this machine.", FILMS, (files) => this.add(files[0]), { multiple: false }),
      this.status, this.folders, this.earlier, this.work);
    this.listUploads();
  }

  layout() {
    const step = (by, caption) => el("button", { onclick: () => this.step(by) }, caption);
    return [el("div", { class: "columns" },
      el("div", { class: "panel" }, this.title, this.about, this.shotsNote, this.strip, this.pair.node,
        el("label", { class: "time small" }, "Time", this.time, this.timeNote),
        el("div", { class: "row" }, step(-1, "− frame"), step(1, "+ frame"),
          el("button", { onclick: () => this.makeClip() }, "Clip of this shot"),
          el("button", { onclick: () => this.sweep.open() }, "Compare settings (sweep)")),
        this.clip, this.sweep.node, this.steering.node),
      el("div", { class: "panel" }, this.settings.node,
        el("div", { class: "two" }, field("From (seconds)", this.start), field("To (seconds)", this.end)), this.besideRow,
        el("div", { class: "row" }, el("button", { class: "strong", onclick: () => this.render() }, "Render film"),
          el("button", { onclick: () => this.makeClip(true) }, "Estimate")),
        this.estimate, this.result))];
  }

  async listUploads() {
    const known = await attempt(() => get("/api/uploads"));
    const films = (known ?? []).filter((u) => u.kind === "film");
    replace(this.earlier, films.length ? el("span", { class: "small" }, "Uploaded:") : null,
      ...films.map((u) => el("button", { onclick: () => this.open(u.source) }, u.name)));
  }

  async add(file) {
    const bar = el("progress", { max: 1, value: 0, "aria-label": `Upload of ${file.name}` });
    const note = el("p", { class: "small" });
    replace(this.status, note, bar);
    const found = await attempt(() => upload(file, (share) => {
      bar.value = share;
      note.textContent = `${file.name}: ${bytes(share * file.size)} of ${bytes(file.size)}`;
    }));
    replace(this.status);
    this.listUploads();
    if (found) this.show(found);
  }

  async open(source) {
    const found = await attempt(() => get("/api/info", { source }));
    if (found) this.show(found);
  }

  show(film) {
    if (film.kind !== "film") { this.onPhoto(film); return; }
    this.film = film;
    if (this.folders) this.folders.open = false;
    this.root.classList.add("has-work");
    this.pair.clear();
    this.shots = [];
    this.work.hidden = false;
    this.title.textContent = film.name;
    replace(this.about, el("details", {}, el("summary", { class: "small" },
      `${film.width} x ${film.height}, ${film.duration_s ? clock(film.duration_s) : "unknown length"}, ${film.codec}`), facts(film.facts)),
    lines(film.warnings, "warn"));
    this.sweep.clear();
    replace(this.strip); replace(this.clip); replace(this.result);
    this.estimate.textContent = "";
    this.besideRow.hidden = !film.source.startsWith("folder:");
    this.time.max = String(Math.max(1, Math.round((film.duration_s ?? 60) * 1000)));
    this.time.value = "0";
    this.refresh();
    this.readShots(film);
    this.steering.load();
  }

  async readShots(film) {
    for (;;) {
      const found = await attempt(() => get("/api/films/shots", { source: film.source }));
      if (this.film !== film || !found) return;
      if (found.shots) { this.showShots(found.shots); return; }
      this.shotsNote.textContent = `looking for shots: ${found.done ?? 0}${found.total ? ` of ${found.total}` : ""} frames`;
      await new Promise((resolve) => setTimeout(resolve, SHOTS_MS));
    }
  }

  showShots(shots) {
    this.shots = shots;
    const film = this.film;
    this.shotsNote.textContent = shots.length === 1 ? "1 shot" : `${shots.length} shots`;
    const near = new IntersectionObserver((entries) => {
      for (const entry of entries.filter((e) => e.isIntersecting)) {
        near.unobserve(entry.target);
        const { image, shot } = entry.target.extra;
        picture("/api/films/frame", { source: film.source, at_s: shot.key_s, side: "before", max_px: 256 })
          .then((url) => { image.src = url; }, () => {});
      }
    }, { root: this.strip, rootMargin: "300px" });
    replace(this.strip, ...shots.map((shot) => {
      const image = el("img", { alt: "" });
      const button = el("button", { "aria-pressed": "false", onclick: () => this.goTo(shot.key_s) }, image,
        el("span", {}, `${shot.index + 1}: ${clock(shot.start_s)}${shot.begins === "cut" || shot.begins === "start" ? "" : `, ${shot.begins}`}`));
      button.extra = { image, shot };
      onDrop(button, (files) => this.steering.reference(files[0], shot.index + 1));
      near.observe(button);
      return button;
    }));
    this.markShot();
    this.steering.list();
  }

  get item() { return this.film; }

  get at() { return Number(this.time.value) / 1000; }

  get shot() {
    const now = this.at;
    return this.shots.findLast((shot) => shot.start_s <= now + 1e-3) ?? this.shots[0];
  }

  goTo(seconds) { this.time.value = String(Math.round(seconds * 1000)); this.refresh(); }

  step(by) { this.goTo(Math.max(0, this.at + by / (this.film.rate ?? 24))); }

  markShot() {
    [...this.strip.children].forEach((button, at) => button.setAttribute("aria-pressed", String(this.shots[at] === this.shot)));
  }

  refresh() {
    if (!this.film) return;
    this.timeNote.textContent = `${clock(this.at)}${this.shot ? `, shot ${this.shot.index + 1}` : ""}`;
    this.markShot();
    this.steering.mark();
    this.steering.showPart();
    this.drawing.ask(this.film, this.at, this.settings.look, this.steering.version);
  }

  async draw(film, at, look, version) {
    this.pair.busy(true);
    await attempt(async () => {
      const query = { source: film.source, at_s: Math.min(at, Math.max(0, (film.duration_s ?? at) - 0.001)) };
      const after = { ...query, side: "after", ...look, directed: true, version, shot: this.shot ? this.shot.index + 1 : null };
      const urls = await Promise.all([picture("/api/films/frame", { ...query, side: "before" }), picture("/api/films/frame", after)]);
      if (this.film !== film) return;
      await this.pair.show(...urls);
      this.pair.node.dataset.look = JSON.stringify({ at, ...look, version });
    });
    this.pair.busy(false);
    this.steering.mark();
  }

  request(kind, settings) {
    return post("/api/jobs", { kind, sources: [this.film.source], settings, beside: this.beside.checked,
      suffix: this.settings.suffix.value, processes: this.settings.shared });
  }

  // A clip of the shot on the screen, in both forms and with sound; it also shows what the film will take.
  async makeClip(short = false) {
    const film = this.film;
    const shot = this.shot ?? { start_s: 0, end_s: film.duration_s ?? CLIP_S };
    const length = short ? 2 : CLIP_S * 4;
    const middle = (shot.start_s + shot.end_s) / 2;
    const start = Math.max(shot.start_s, short ? middle - length / 2 : shot.start_s);
    const end = Math.max(start + 0.2, Math.min(shot.end_s + 1 / (film.rate ?? 24), start + length));
    const { video_codec: codec, ...settings } = this.settings.value;
    const job = await attempt(() => this.request("clip", { ...settings, start_s: start, end_s: end }));
    if (!job) return;
    const ended = await this.jobs.follow(job.id, (now) => { this.estimate.textContent = `clip: ${this.jobs.words(now)}`; });
    if (this.film !== film || !ended) return;
    this.say(ended, codec);
    if (ended.state !== "done") { replace(this.clip, lines(ended.errors, "bad")); return; }
    const { Player } = await import("./player.js");
    replace(this.clip, el("h3", {}, `Clip of shot ${shot.index === undefined ? "" : shot.index + 1}, ${clock(start)} to ${clock(end)}`), new Player(ended).node);
  }

  say(job, codec) {
    const frames = this.frames();
    if (!job.estimate?.frames || !frames) { this.estimate.textContent = this.jobs.words(job); return; }
    const time = duration(job.estimate.seconds_per_frame * frames);
    const size = codec ? "" : `, ${bytes(job.estimate.bytes_per_frame * frames)}`;
    const what = this.start.value || this.end.value ? "This part" : "The whole film";
    this.estimate.textContent = `${what}: about ${time}${size} (by a clip of ${job.estimate.frames} frames)`;
  }

  // How many are to be coloured; 0 where it isn't known.
  frames() {
    const { frames, duration_s: length, rate } = this.film;
    if (!this.start.value && !this.end.value) return frames ?? Math.round((length ?? 0) * (rate ?? 24));
    const end = Math.min(Number(this.end.value) || Infinity, length ?? Infinity);
    const seconds = end - Number(this.start.value);
    return Number.isFinite(seconds) ? Math.max(0, Math.round(seconds * (rate ?? 24))) : 0;
  }

  async render() {
    const part = {};
    if (this.start.value) part.start_s = Number(this.start.value);
    if (this.end.value) part.end_s = Number(this.end.value);
    const job = await attempt(() => this.request("film", { ...this.settings.value, ...part }));
    if (!job) return;
    const line = el("p", { class: "small" }, "waiting");
    replace(this.result, line);
    const film = this.film;
    const ended = await this.jobs.follow(job.id, (now) => { line.textContent = this.jobs.words(now); });
    if (!ended || this.film !== film) return;
    const play = ended.results[0]?.there ? el("button", { onclick: () => this.jobs.play(ended) }, "Play before and after") : null;
    replace(this.result, line, el("div", { class: "row" }, play, ...this.jobs.downloads(ended)), lines(ended.errors, "bad"), lines(ended.warnings, "warn"));
  }
}
