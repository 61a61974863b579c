// The settings of a picture or a film, as a form; `value` is what the API takes.

import { el, field } from "./dom.js";

function slider(min, max, step, value) {
  return el("input", { type: "range", min: String(min), max: String(max), step: String(step), value: String(value) });
}

export class Settings {
  constructor(server, { film = false, onChange }) {
    this.server = server;
    this.film = film;
    this.onChange = onChange;
    this.model = el("select", {}, el("option", { value: "auto" }, "automatic"),
      ...server.models.map((m) => el("option", { value: m.name, disabled: !m.installed, title: m.title },
        m.installed ? m.name : `${m.name} (not installed)`)));
    this.saturation = slider(0, 2, 0.05, 1);
    this.saturationNote = el("span", {});
    this.size = slider(0, 64, 1, 0);
    this.sizeNote = el("span", {});
    this.mounts = el("select", {}, el("option", { value: "grey" }, "stay grey"), el("option", { value: "color" }, "are coloured"));
    this.node = el("form", { onsubmit: (event) => event.preventDefault() },
      field("Model", this.model), field("Saturation", this.saturation, this.saturationNote),
      field("Working size", this.size, this.sizeNote), field("Mounts and mattes", this.mounts));
    if (server.models.some((m) => !m.installed))
      this.node.append(el("p", { class: "small quiet" }, "Models that aren't installed: “vidcolor weights pull NAME” on the server."));
    if (film) this.addFilm();
    this.node.addEventListener("input", () => this.changed());
    this.changed(true);
  }

  addFilm() {
    this.stabilize = el("select", {}, el("option", { value: "motion" }, "along the motion"),
      el("option", { value: "ema" }, "in place"), el("option", { value: "off" }, "not at all"));
    this.every = el("select", {}, el("option", { value: "1" }, "on every frame"),
      el("option", { value: "auto" }, "where motion needs it"), el("option", { value: "4" }, "on every 4th frame"));
    this.deflicker = el("select", {}, el("option", { value: "" }, "stays"), el("option", { value: "on" }, "is evened out"));
    this.codec = el("select", {}, el("option", { value: "" }, "H.264 (default)"), el("option", { value: "libx265" }, "HEVC"),
      el("option", { value: "prores_ks" }, "ProRes"), el("option", { value: "ffv1" }, "FFV1, without loss"));
    this.suffix = el("select", {}, el("option", { value: "" }, "as the source"),
      ...[".mp4", ".mkv", ".mov"].map((s) => el("option", { value: s }, s)));
    this.node.append(el("details", {}, el("summary", {}, "More"),
      field("Colours are smoothed", this.stabilize), field("The network runs", this.every),
      field("Flicker of lightness", this.deflicker), field("Encoder", this.codec), field("Container", this.suffix)));
  }

  // The settings that concern one picture.
  get look() {
    const size = Number(this.size.value);
    return { model: this.model.value, saturation: Number(this.saturation.value),
      render_factor: size < 2 ? null : size, mounts: this.mounts.value };
  }

  get value() {
    if (!this.film) return this.look;
    const every = this.every.value;
    return { ...this.look, stabilize: this.stabilize.value, every: every === "auto" ? every : Number(every),
      deflicker: this.deflicker.value ? true : null, video_codec: this.codec.value || null };
  }

  set(values) {
    if (values.model) this.model.value = values.model;
    if (values.saturation !== undefined) this.saturation.value = String(values.saturation);
    this.size.value = String(values.render_factor ?? 0);
    this.changed();
  }

  addWeights(model, name) {
    this.model.append(el("option", { value: model }, name));
    this.model.value = model;
    this.changed();
  }

  changed(quiet = false) {
    this.saturationNote.textContent = Number(this.saturation.value).toFixed(2);
    const size = Number(this.size.value);
    this.sizeNote.textContent = size < 2 ? "the model's own" : `${size} (${size * 16} px)`;
    if (!quiet) this.onChange?.();
  }
}
