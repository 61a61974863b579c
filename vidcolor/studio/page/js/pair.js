// Before and after, one over the other, with a slider between them.

import { el } from "./dom.js";

export class Pair {
  constructor(label) {
    this.before = el("img", { alt: `${label}, grey` });
    this.after = el("img", { alt: `${label}, coloured` });
    this.over = el("div", { class: "over" }, this.after);
    this.edge = el("div", { class: "edge" });
    this.stack = el("div", { class: "stack", hidden: true }, this.before, this.over, this.edge,
      el("span", { class: "tag" }, "grey"), el("span", { class: "tag right" }, "colour"));
    this.slider = el("input", { type: "range", min: "0", max: "100", value: "50", class: "wide",
      "aria-label": "Before and after: how much is grey", oninput: () => this.move() });
    this.wait = el("p", { class: "wait small" }, "colouring …");
    this.box = el("div", { class: "pair" }, this.stack, this.wait);
    this.node = el("div", {}, this.box, this.slider);
    this.stack.addEventListener("pointermove", (event) => { if (event.buttons && !this.picking) this.follow(event); });
    this.stack.addEventListener("pointerdown", (event) => { if (!this.picking) this.follow(event); });
    this.before.draggable = this.after.draggable = false;
    this.move();
  }

  // With `picking` a click is a place in the picture, not of the slider.
  get picking() { return this.onPick !== undefined && this.onPick !== null; }

  follow(event) {
    const box = this.stack.getBoundingClientRect();
    this.slider.value = String(Math.round((100 * (event.clientX - box.left)) / box.width));
    this.move();
  }

  move() {
    const at = `${this.slider.value}%`;
    this.over.style.clipPath = `inset(0 0 0 ${at})`;
    this.edge.style.left = at;
  }

  busy(is) { this.box.classList.toggle("busy", is); this.node.setAttribute("aria-busy", String(is)); }

  // Nothing to see yet: the next file's pictures are still to come.
  clear() { this.stack.hidden = true; delete this.node.dataset.look; }

  // Addresses of blobs; the old ones are given back.
  async show(before, after) {
    await Promise.all([[this.before, before], [this.after, after]].map(async ([image, url]) => {
      if (url === undefined || url === image.dataset.url) return;
      const old = image.dataset.url;
      image.dataset.url = url;
      image.src = url;
      await image.decode().catch(() => {});
      if (old) URL.revokeObjectURL(old);
    }));
    this.stack.hidden = false;
  }
}

// Runs `work` for the last wish only: while one runs, further ones wait, and only the last of them counts.
export class Latest {
  constructor(work) { this.work = work; this.running = false; this.wanted = null; }

  async ask(...wish) {
    this.wanted = wish;
    if (this.running) return;
    this.running = true;
    try {
      while (this.wanted) {
        const now = this.wanted;
        this.wanted = null;
        await this.work(...now);
      }
    } finally {
      this.running = false;
    }
  }
}
