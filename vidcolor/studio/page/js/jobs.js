// The tab of jobs: what runs, what waits, what is done; and following one job for other tabs.

import { attempt, get, post, remove } from "./api.js";
import { bytes, duration, el, facts, lines, replace } from "./dom.js";
import { Player } from "./player.js";

const NAMES = { queued: "waiting", running: "running", paused: "paused", done: "done", failed: "failed", cancelled: "cancelled" };
const KINDS = { photos: "photographs", film: "film", clip: "clip", quality: "quality" };
const SETTINGS = { render_factor: "working size", start_s: "from (s)", end_s: "to (s)", video_codec: "encoder", every: "network runs on every",
  stabilize: "smoothing", quality: "quality", repair: "repair of dust", steady: "weave taken out", compare: "side by side" };
const ENDED = ["done", "failed", "cancelled"];
const BUSY_MS = 700;
const IDLE_MS = 4000;

export class Jobs {
  constructor(root, server) {
    this.server = server;
    this.cards = new Map();
    this.followers = new Map();
    this.asked = this.shown = 0;
    this.list = el("div", {});
    this.empty = el("p", { class: "quiet" }, "No jobs yet. Colour a photograph or a film, and it is listed here.");
    this.dialog = el("dialog", { "aria-label": "Result" });
    this.count = document.getElementById("jobs-count");
    replace(root, this.empty, this.list);
    document.body.append(this.dialog); // within a hidden tab it would block the page, and not show
    this.dialog.addEventListener("close", () => this.dialog.replaceChildren());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.poll(); });
    this.poll();
  }

  async poll() {
    clearTimeout(this.timer);
    let busy = false;
    const asked = (this.asked += 1);
    try {
      const jobs = await get("/api/jobs");
      this.show(jobs, asked);
      busy = jobs.some((job) => ["queued", "running"].includes(job.state));
      this.lost = false;
    } catch (error) {
      if (!this.lost) await attempt(() => { throw error; });
      this.lost = true;
    }
    clearTimeout(this.timer); // of another question that was under way
    this.timer = setTimeout(() => this.poll(), document.hidden ? 4 * IDLE_MS : busy ? BUSY_MS : IDLE_MS);
  }

  // Resolves with the job when it has ended; null if it is gone.
  follow(id, onChange) {
    return new Promise((resolve) => {
      this.followers.set(id, { onChange, resolve, since: this.asked });
      this.poll();
    });
  }

  // `asked`: which question these jobs answer; answers may come late, and out of order.
  show(jobs, asked) {
    if (asked < this.shown) return;
    this.shown = asked;
    const active = jobs.filter((job) => ["queued", "running"].includes(job.state)).length;
    this.count.hidden = !active;
    this.count.textContent = String(active);
    this.empty.hidden = jobs.length > 0;
    const byId = new Map(jobs.map((job) => [job.id, job]));
    for (const [id, card] of this.cards) if (!byId.has(id)) { card.node.remove(); this.cards.delete(id); }
    jobs.forEach((job, place) => {
      if (!this.cards.has(job.id)) this.cards.set(job.id, new Card(this, job));
      const card = this.cards.get(job.id);
      card.update(job);
      if (this.list.children[place] !== card.node) this.list.insertBefore(card.node, this.list.children[place] ?? null);
    });
    for (const [id, { onChange, resolve, since }] of this.followers) {
      const job = byId.get(id);
      if (!job && asked <= since) continue; // asked before the job was made
      if (job) onChange?.(job);
      if (!job || ENDED.includes(job.state)) { this.followers.delete(id); resolve(job ?? null); }
    }
  }

  words(job) {
    const p = job.progress;
    if (job.state === "queued") return job.ahead ? `waiting; ${job.ahead} before it` : "waiting for the worker";
    if (job.state !== "running") return NAMES[job.state];
    if (job.wish) return job.wish === "pause" ? "stopping, to go on later" : "stopping";
    const parts = [];
    if (p.inputs > 1) parts.push(`${p.inputs_done} of ${p.inputs}`);
    if (p.doing) parts.push(p.doing);
    if (p.done) parts.push(p.total ? `${p.done} of ${p.total} ${p.unit}` : `${p.done} ${p.unit}`);
    if (p.fps) parts.push(`${p.fps.toFixed(1)} per second`);
    if (p.eta_s) parts.push(`${duration(p.eta_s)} left`);
    return parts.join(", ") || "starting";
  }

  downloads(job) {
    const links = job.results.slice(0, 60).map((result) => (result.there
      ? el("a", { class: "button", href: `${result.address}?download=true`, download: result.name },
        `Download ${job.kind === "clip" ? `clip, ${result.of}` : result.name} (${bytes(result.size)})`)
      : el("span", { class: "quiet" }, `${result.name} (no longer there)`)));
    if (job.kind === "photos" && job.results.filter((r) => r.there).length > 1)
      links.unshift(el("a", { class: "button", href: `/api/jobs/${job.id}/zip`, download: "vidcolor.zip" }, "Download all as ZIP"));
    return links;
  }

  play(job) {
    const player = new Player(job, this);
    replace(this.dialog, el("div", { class: "row spread" }, el("h2", {}, job.title),
      el("button", { onclick: () => this.dialog.close() }, "Close")), player.node);
    this.dialog.showModal();
  }
}

class Card {
  constructor(jobs, job) {
    this.jobs = jobs;
    this.image = el("img", { alt: "", loading: "lazy" });
    this.words = el("p", { class: "small", role: "status" });
    this.bar = el("progress", { "aria-label": `Progress of ${job.title}` });
    this.buttons = el("div", { class: "row" });
    this.more = el("div", {});
    this.node = el("article", { class: "panel job", "aria-label": `${KINDS[job.kind]} ${job.title}` }, this.image,
      el("div", {}, el("h2", {}, job.title), this.words, this.bar, this.buttons, this.more));
    this.node.dataset.job = job.id;
    this.image.addEventListener("error", () => { this.image.hidden = true; });
    this.image.src = `/api/jobs/${job.id}/picture`;
  }

  update(job) {
    this.job = job;
    const when = new Date(job.created_at * 1000).toLocaleString();
    this.words.textContent = `${KINDS[job.kind]}, ${when}: ${this.jobs.words(job)}`;
    this.words.className = `small ${{ failed: "bad", done: "good" }[job.state] ?? ""}`;
    this.node.dataset.state = job.state;
    this.progress(job);
    const key = `${job.state}${job.wish}${job.results.map((r) => r.there)}`;
    if (key === this.key) return;
    this.key = key;
    this.fill(job);
  }

  progress(job) {
    this.bar.hidden = !["running", "queued"].includes(job.state);
    const p = job.progress;
    const [done, total] = p.inputs > 1 ? [p.inputs_done, p.inputs] : [p.done, p.total];
    if (total) { this.bar.max = total; this.bar.value = Math.min(done ?? 0, total); } else this.bar.removeAttribute("value");
  }

  fill(job) {
    const act = (word) => () => attempt(async () => { await post(`/api/jobs/${job.id}/${word}`); await this.jobs.poll(); });
    const button = (word, caption) => el("button", { onclick: act(word) }, caption);
    const buttons = [];
    if (["queued", "running"].includes(job.state) && !job.wish) buttons.push(button("pause", "Pause"));
    if (["queued", "running", "paused"].includes(job.state)) buttons.push(button("cancel", "Cancel"));
    if (job.state === "paused") buttons.push(button("resume", "Go on"));
    if (["failed", "cancelled"].includes(job.state)) buttons.push(button("resume", "Try again"));
    buttons.push(...this.jobs.downloads(job));
    if (ENDED.includes(job.state))
      buttons.push(el("button", { onclick: () => attempt(async () => { await remove(`/api/jobs/${job.id}`); await this.jobs.poll(); }) }, "Remove from list"));
    if (["film", "clip"].includes(job.kind) && job.results[0]?.there)
      buttons.unshift(el("button", { onclick: () => this.jobs.play(job) }, "Play before and after"));
    if (job.kind === "quality" && job.state === "done")
      buttons.unshift(el("a", { class: "button", href: `/api/jobs/${job.id}/evaluation`, target: "_blank" }, "Report"));
    replace(this.buttons, ...buttons);
    replace(this.more, lines(job.errors, "bad"), lines(job.warnings, "warn"), this.about(job));
  }

  about(job) {
    const pairs = Object.entries(job.settings).map(([name, value]) => [SETTINGS[name] ?? name, String(value)]);
    const s = job.summary ?? {};
    if (s.frames) pairs.push(["done", `${s.frames} frames in ${duration(s.seconds)}, ${s.model} on ${s.device}, ${s.precision}`]);
    if (job.kind === "film" && s.shots) pairs.push(["shots", String(s.shots)]);
    const source = job.results.find((r) => r.source)?.source;
    if (source) pairs.push(["written to", source.replace(/^folder:\d+\//, "")]);
    const links = [];
    if (job.report) links.push(el("a", { href: `/api/jobs/${job.id}/report`, target: "_blank" }, "report (JSON)"));
    return el("details", {}, el("summary", { class: "small" }, "Details"), facts(pairs), el("p", { class: "row small" }, ...links));
  }
}

