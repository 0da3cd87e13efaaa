"use strict";
(() => {
  const root = document.documentElement;

  function make(name, properties = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (key in element) element[key] = value;
      else element.setAttribute(key, value);
    }
    element.append(...children);
    return element;
  }

  // --- light and dark ---

  const toggle = document.getElementById("theme");
  const themes = ["auto", "light", "dark"];
  function setTheme(theme) {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    toggle.textContent = "Theme: " + theme;
    try { localStorage.setItem("fp-theme", theme); } catch { /* a page from a disk may keep nothing */ }
  }
  let stored = null;
  try { stored = localStorage.getItem("fp-theme"); } catch { /* see above */ }
  setTheme(themes.includes(stored) ? stored : "auto");
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    const now = root.dataset.theme || "auto";
    setTheme(themes[(themes.indexOf(now) + 1) % themes.length]);
  });

  // --- print ---

  let opened = [];
  let heads = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const part of opened) part.open = true;
    // A head with buttons would not be repeated on the table's next sheets.
    heads = [...document.querySelectorAll("thead button")].map((button) => [button, new Text(button.textContent)]);
    for (const [button, text] of heads) button.replaceWith(text);
  });
  addEventListener("afterprint", () => {
    for (const part of opened) part.open = false;
    for (const [button, text] of heads) text.replaceWith(button);
  });

  // --- tables ---

  const missing = "\u2013";

  function shown(value, column) {
    if (value === null || value === undefined || value === "") return missing;
    if (column.kind === "number") {
      if (column.digits > 2 && value > 0 && value < 10 ** -column.digits) return "<" + 10 ** -column.digits;
      return (column.digits === null ? String(value) : value.toFixed(column.digits)).replace("-", "\u2212");
    }
    if (column.kind === "choice" || column.kind === "word") return column.choices[value] || value;
    return Array.isArray(value) ? value.join("; ").replaceAll("_", " ") || missing : String(value);
  }

  function cell(row, column, open) {
    const value = row[column.field];
    const element = make(column.kind === "name" ? "th" : "td");
    if (column.kind === "name") element.scope = "row";
    if (column.wide) element.classList.add("wide");
    if (column.kind === "number") element.classList.add("n");
    if (column.kind === "picture") {
      element.classList.add("pic");
      element.append(value ? make("img", { src: value, alt: "", width: 44, height: 44 }) : make("span"));
    } else if (column.kind === "choice" && value) {
      element.append(make("span", { className: "tag " + value }, shown(value, column)));
    } else if (column.kind === "name" && open) {
      // A long path may break behind a slash first, and elsewhere only where it must.
      const parts = shown(value, column).split(/(?<=\/)/).flatMap((part) => [part, make("wbr")]);
      element.append(make("button", { type: "button", className: "open" }, ...parts.slice(0, -1)));
    } else {
      element.append(shown(value, column));
    }
    return element;
  }

  class Table {
    constructor(holder) {
      const head = JSON.parse(holder.querySelector("[data-head]").textContent);
      this.rows = JSON.parse(holder.querySelector("[data-rows]").textContent);
      this.columns = head.columns;
      this.fields = head.fields;
      this.size = head.size;
      this.body = holder.querySelector("tbody");
      this.status = holder.querySelector(".status");
      this.pager = holder.querySelector(".pager");
      this.order = this.rows.map((_, index) => index);
      this.found = this.order;
      this.page = 0;
      this.detail = holder.dataset.detail ? new Detail(this) : null;
      this.openTools(holder);
      this.openHeads(holder);
      this.filter();
    }

    openTools(holder) {
      const tools = holder.querySelector(".tools");
      tools.hidden = this.rows.length < 9;
      this.search = tools.querySelector("input");
      this.search.addEventListener("input", () => this.filter());
      this.selects = [...tools.querySelectorAll("select")];
      for (const select of this.selects) select.addEventListener("change", () => this.filter());
      const [back, on] = this.pager.querySelectorAll("button");
      back.addEventListener("click", () => this.turn(this.page - 1));
      on.addEventListener("click", () => this.turn(this.page + 1));
      this.body.addEventListener("click", (event) => {
        const button = event.target.closest(".open");
        if (!button) return;
        const place = [...this.body.rows].indexOf(button.closest("tr"));
        this.detail.show(this.page * this.size + place, button);
      });
    }

    openHeads(holder) {
      this.heads = [...holder.querySelectorAll("thead th")];
      this.heads.forEach((head, index) => {
        const column = this.columns[index];
        if (column.kind === "picture") return;
        const button = make("button", { type: "button" }, ...head.childNodes);
        head.append(button);
        button.addEventListener("click", () => {
          const ascends = head.getAttribute("aria-sort") === "ascending";
          const first = column.kind === "number" ? "descending" : "ascending";
          const way = !head.hasAttribute("aria-sort") ? first : ascends ? "descending" : "ascending";
          for (const other of this.heads) other.removeAttribute("aria-sort");
          head.setAttribute("aria-sort", way);
          this.sort(column, way);
        });
      });
    }

    sort(column, way) {
      const begun = performance.now();
      const sign = way === "ascending" ? 1 : -1;
      const words = ["choice", "word"].includes(column.kind) ? Object.keys(column.choices) : null;
      const keys = this.rows.map((row) => {
        const value = row[column.field];
        if (value === null || value === "") return null;
        if (words) return words.indexOf(value);
        return typeof value === "number" ? value : String(value).toLowerCase();
      });
      this.order = this.rows.map((_, index) => index).sort((a, b) => {
        const one = keys[a], two = keys[b];
        if (one === two) return a - b;
        if (one === null) return 1; // what is missing comes last either way
        if (two === null) return -1;
        return one < two ? -sign : sign;
      });
      this.told = `, sorted by ${column.label}, ${way}`;
      this.filter();
      root.dataset.sorted = (performance.now() - begun).toFixed(1);
    }

    texts() {
      const wanted = this.columns.filter((column) => ["name", "text", "word"].includes(column.kind));
      this.haystack ??= this.rows.map((row) =>
        wanted.map((column) => shown(row[column.field], column)).join("\n").toLowerCase());
      return this.haystack;
    }

    filter() {
      const wanted = this.search.value.trim().toLowerCase();
      const chosen = this.selects.filter((select) => select.value !== "");
      this.found = this.order.filter((index) => {
        for (const select of chosen) {
          if (String(this.rows[index][select.dataset.field]) !== select.value) return false;
        }
        return !wanted || this.texts()[index].includes(wanted);
      });
      this.turn(0);
    }

    turn(page) {
      const pages = Math.max(1, Math.ceil(this.found.length / this.size));
      this.page = Math.min(Math.max(0, page), pages - 1);
      const first = this.page * this.size;
      const here = this.found.slice(first, first + this.size);
      this.body.replaceChildren(...here.map((index) => {
        const row = this.rows[index];
        return make("tr", {}, ...this.columns.map((column) => cell(row, column, this.detail)));
      }));
      const count = this.found.length.toLocaleString("en");
      const all = this.rows.length.toLocaleString("en");
      const part = pages > 1
        ? ` Rows ${(first + 1).toLocaleString("en")} to ${(first + here.length).toLocaleString("en")}.` : "";
      this.status.textContent = `${count} of ${all} rows${this.told || ""}.${part}`;
      this.pager.hidden = pages < 2;
      const [back, on] = this.pager.querySelectorAll("button");
      back.disabled = this.page === 0;
      on.disabled = this.page === pages - 1;
    }

    value(row, name) {
      return row[this.fields.indexOf(name)];
    }
  }

  // --- one image ---

  const drawing = "http://www.w3.org/2000/svg";

  class Detail {
    constructor(table) {
      this.table = table;
      this.meta = JSON.parse(document.getElementById("meta").textContent);
      this.box = document.getElementById("detail");
      this.content = this.box.querySelector("[data-content]");
      const [back, on, close] = this.box.querySelectorAll(".top button");
      this.steps = [back, on];
      back.addEventListener("click", () => this.show(this.place - 1));
      on.addEventListener("click", () => this.show(this.place + 1));
      close.addEventListener("click", () => this.box.close());
      this.box.addEventListener("keydown", (event) => {
        if (event.key === "ArrowLeft") this.show(this.place - 1);
        if (event.key === "ArrowRight") this.show(this.place + 1);
      });
      this.box.addEventListener("click", (event) => { if (event.target === this.box) this.box.close(); });
    }

    show(place) {
      if (place < 0 || place >= this.table.found.length) return;
      this.place = place;
      const row = this.table.rows[this.table.found[place]];
      const get = (name) => this.table.value(row, name);
      this.box.querySelector(".status").textContent =
        `${(place + 1).toLocaleString("en")} of ${this.table.found.length.toLocaleString("en")}`;
      this.steps[0].disabled = place === 0;
      this.steps[1].disabled = place === this.table.found.length - 1;
      const decision = get("decision");
      this.content.replaceChildren(
        make("h2", { id: "detail-title" }, get("path")),
        make("p", {}, make("span", { className: "tag " + decision }, this.meta.decisions[decision][0] + (get("weak") ? ", weak" : ""))),
        make("p", { className: "soft" }, this.meta.decisions[decision][1]),
        ...this.reasons(get), ...this.views(get), ...this.scores(get), ...this.facts(get),
        ...this.others(get), ...this.claims(get), ...this.file(get));
      if (!this.box.open) this.box.showModal();
      this.content.parentElement.scrollTop = 0;
    }

    reasons(get) {
      const told = (get("reasons") || []).map((code) =>
        make("li", {}, make("code", {}, code), " ", this.meta.reasons[code] || ""));
      const parts = told.length ? [make("h3", {}, "Reasons"), make("ul", {}, ...told)] : [];
      if (get("message")) parts.push(make("p", {}, get("message")));
      return parts;
    }

    views(get) {
      const found = [
        ["preview", "Preview", ""],
        ["map", "Evidence map", ": blue is like the reference images, vermilion like the generator; a solid line "
          + "surrounds what is too high for the reference images, a dotted one what is too low for the generator"],
      ].filter(([name]) => get(name));
      if (!found.length) return [];
      return [make("div", { className: "views" }, ...found.map(([name, title, more]) =>
        make("figure", {}, make("img", { src: get(name), alt: `${title} of ${get("path")}` }),
          make("figcaption", {}, title + more))))];
    }

    scores(get) {
      const place = this.meta.fingerprints.findIndex((one) => one.name === get("fingerprint"));
      const score = get("score");
      if (place < 0 || score === null) return [];
      const known = this.meta.fingerprints[place];
      const parts = [make("h3", {}, `Its score among those of ${known.name}`)];
      const source = get("windows") ? null : document.querySelector(`[data-scores="${place}"] svg`);
      if (!source) parts.push(make("p", {}, "The score is that of its windows, with a scale and a calibration of "
        + "their own; it is not drawn among the scores of the fingerprint."));
      if (source) {
        const svg = source.cloneNode(true);
        const box = { low: +svg.dataset.low, high: +svg.dataset.high, left: +svg.dataset.left, right: +svg.dataset.right };
        const share = Math.min(1, Math.max(0, (score - box.low) / (box.high - box.low)));
        const x = (box.left + share * (box.right - box.left)).toFixed(1);
        for (const one of svg.querySelectorAll(".images, title, desc, .images-label")) one.remove();
        svg.removeAttribute("aria-labelledby");
        svg.setAttribute("aria-label", `Score ${score} among the calibration scores of ${known.name}`);
        const line = document.createElementNS(drawing, "path");
        line.setAttribute("class", "here");
        line.setAttribute("d", `M${x} 6V${svg.dataset.base}`);
        const mark = document.createElementNS(drawing, "path");
        mark.setAttribute("class", "here-mark");
        mark.setAttribute("d", `M${x} 12l-6 -9h12z`);
        svg.append(line, mark);
        svg.setAttribute("viewBox", svg.dataset.upper);
        const legend = make("ul", { className: "legend" });
        for (const [name, text] of [["reference", "reference images"], ["generated", "the generator's"], ["place", "this image"]]) {
          legend.append(make("li", { className: name }, text));
        }
        parts.push(legend, make("div", { className: "scores" }, svg));
      }
      const above = Math.round(get("p_real") * (known.n_real + 1)) - 1;
      const below = Math.round(get("p_generated") * (known.n_generated + 1)) - 1;
      const at = get("condition") ? "At the coding that was measured in it, about " : "";
      parts.push(make("p", {}, `${at}${above} of ${known.n_real} held-out reference images score as high or higher; `
        + `${below} of ${known.n_generated} of the generator's own score as low or lower.`));
      return parts;
    }

    list(pairs) {
      const told = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
      return make("dl", { className: "facts" }, ...told.flatMap(([name, value]) =>
        [make("dt", {}, name), make("dd", {}, String(value).replace(/^-/, "\u2212"))]));
    }

    facts(get) {
      if (get("score") === null) return [];
      const p = (value) => value === null || value === undefined ? null : +value.toPrecision(3);
      const share = (value) => value === null ? null : `${(100 * value).toFixed(1)} %`;
      const ratio = (value) => value === null || value === undefined ? null : value.toFixed(2).replace("-", "\u2212");
      const bound = get("at_bound");
      const ends = bound || get("log10_lr_low") === null ? null : `${ratio(get("log10_lr_low"))} to ${ratio(get("log10_lr_high"))}`;
      const claimed = get("decision") === "supports_generator";  // no probability beside "cannot tell"
      return [make("h3", {}, "Figures"), this.list([
        ["score", get("score")],
        ["ratio", get("ratio")],
        ["log10 likelihood ratio", ratio(get("log10_lr")) + (bound ? ", at its bound" : "")
          + (get("told_lr") === null ? "; not to be used, since neither proposition is known to fit" : "")],
        ["95 % without bounds", ends],
        ["the generator's evidence alone", ratio(get("log10_lr_specific"))],
        ["p under h1, the bank", p(get("p_bank"))],
        ["p under h1", p(get("p_real"))],
        ["p under h2", p(get("p_generated"))],
        ["p of being like the generator's", p(get("p_typical"))],
        ["p of being like the references", p(get("p_reference"))],
        ["q over the run", p(get("q_real"))],
        ["share of the picture examined", share(get("examined"))],
        ["windows side by side", get("windows")],
        ["worth independent windows", p(get("windows_effective"))],
        ["the crop alone", get("crop_decision") && this.meta.decisions[get("crop_decision")][0]],
        ["log10 ratio of the crop alone", ratio(get("crop_log10_lr"))],
        ["probability, at even odds of the bank and none of it", claimed ? share(get("posterior") ?? null) : null],
        ["drawn by one of", claimed ? (get("candidates") || []).join(", ") : null],
        ["seems to have gone through", get("condition")],
        ["p of its coding", p(get("p_condition"))],
        ["p of its content", p(get("p_content"))],
        ["mapped area too high for h1", share(get("map_generated"))],
        ["mapped area too low for h2", share(get("map_reference"))],
      ])];
    }

    others(get) {
      const found = get("attributions") || [];
      if (found.length < 2) return [];
      const lines = found.map(([name, score, pReal, pGenerated, decision]) => make("tr", {},
        make("th", { scope: "row" }, this.meta.names[name]),
        ...[score, pReal, pGenerated].map((value) => make("td", { className: "n" },
          value === null ? missing : String(+value.toPrecision(3)).replace(/^-/, "\u2212"))),
        make("td", {}, make("span", { className: "tag " + decision }, this.meta.decisions[decision][0]))));
      const head = ["fingerprint", "score", "p, h1", "p, h2", "alone"].map((text, index) =>
        make("th", { scope: "col", className: index > 0 && index < 4 ? "n" : "" }, text));
      return [make("h3", {}, "By each fingerprint, the best first"),
        make("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "By each fingerprint" },
          make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...lines)))];
    }

    claims(get) {
      const told = get("claimed") || [];
      if (!told.length) return [];
      return [make("h3", {}, "What the file says about itself"),
        make("p", { className: "soft" }, "Not verified, and not part of any figure above."),
        make("ul", {}, ...told.map((text) => make("li", {}, text)))];
    }

    file(get) {
      return [make("h3", {}, "File"), this.list([
        ["format", get("format")],
        ["pixels", get("width") === null ? null : `${get("width")} \u00d7 ${get("height")}`],
        ["converted", (get("converted") || []).join("; ")],
        ["SHA-256", get("sha256")],
      ])];
    }
  }

  for (const holder of document.querySelectorAll("[data-table]")) new Table(holder);
  root.dataset.ready = performance.now().toFixed(1);
})();
