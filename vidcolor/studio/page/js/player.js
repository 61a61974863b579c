// Before and after of a film, played together, with a slider between them.

import { address } from "./api.js";
import { clock, el } from "./dom.js";

const MAX_APART_S = 0.04;

export class Player {
  constructor(job) {
    const whole = job.kind !== "clip";
    const before = whole ? address("/api/media", { source: job.source }) : job.results[1]?.address;
    this.before = el("video", { src: before, preload: "auto", playsinline: "", muted: true, "aria-label": "Grey" });
    this.after = el("video", { src: job.results[0].address, preload: "auto", playsinline: "", "aria-label": "Coloured" });
    this.before.muted = true;
    this.offset = whole ? job.settings.start_s ?? 0 : 0;
    this.over = el("div", { class: "over" }, this.after);
    this.edge = el("div", { class: "edge" });
    this.tags = [el("span", { class: "tag" }, "grey"), el("span", { class: "tag right" }, "colour")];
    this.stack = el("div", { class: "stack" }, this.before, this.over, this.edge, ...this.tags);
    this.split = el("input", { type: "range", min: "0", max: "100", value: "50", class: "wide",
      "aria-label": "Before and after: how much is grey", oninput: () => this.move() });
    this.seek = el("input", { type: "range", min: "0", max: "1000", value: "0", "aria-label": "Time",
      oninput: () => this.jump() });
    this.button = el("button", { onclick: () => this.toggle() }, "Play");
    this.time = el("span", { class: "small" });
    this.note = el("p", { class: "small warn", role: "status" });
    this.node = el("div", {}, el("div", { class: "pair" }, this.stack), this.split,
      el("div", { class: "time small" }, this.button, this.seek, this.time), this.note);
    this.listen();
    this.move();
  }

  listen() {
    this.after.addEventListener("timeupdate", () => this.together());
    this.after.addEventListener("play", () => { this.button.textContent = "Pause"; });
    this.after.addEventListener("pause", () => { this.button.textContent = "Play"; this.before.pause(); this.together(); });
    this.after.addEventListener("loadedmetadata", () => this.together());
    this.before.addEventListener("loadedmetadata", () => { this.before.currentTime = this.after.currentTime + this.offset; });
    this.before.addEventListener("error", () => {
      this.note.textContent = "Browsers can't play the source; the result is shown alone. A clip of a shot shows both.";
      this.before.hidden = true;
      this.over.className = "";
      for (const each of [this.split, this.edge, ...this.tags]) each.hidden = true;
      this.over.style.clipPath = "";
    });
    this.after.addEventListener("error", () => {
      this.note.textContent = "Browsers can't play this format. Download it, or make a clip of a shot.";
    });
  }

  move() {
    const at = `${this.split.value}%`;
    this.over.style.clipPath = `inset(0 0 0 ${at})`;
    this.edge.style.left = at;
  }

  async toggle() {
    if (!this.after.paused) { this.after.pause(); return; }
    await Promise.allSettled([this.after.play(), this.before.hidden ? null : this.before.play()]);
  }

  jump() {
    if (!this.after.duration) return;
    this.after.currentTime = (this.seek.value / 1000) * this.after.duration;
    this.before.currentTime = this.after.currentTime + this.offset;
  }

  // The sound is the result's; the grey picture follows it.
  together() {
    const now = this.after.currentTime;
    if (this.after.duration) this.seek.value = String(Math.round((1000 * now) / this.after.duration));
    this.time.textContent = `${clock(now)} of ${clock(this.after.duration || 0)}`;
    const apart = Math.abs(this.before.currentTime - this.offset - now);
    this.node.dataset.apart = apart.toFixed(3);
    if (apart > (this.after.paused ? 0.001 : MAX_APART_S)) this.before.currentTime = now + this.offset;
  }
}
