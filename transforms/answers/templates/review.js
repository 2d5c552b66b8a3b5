"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const blocks = JSON.parse(byId("data").textContent);
  const PAGE = 50;
  const fold = (text) => String(text).normalize("NFKC").toLowerCase();
  const cell = (column, at) => (column === undefined ? "" : column.w ? column.w[column.at[at]] : column.v[at]);
  const yuan = (fen) => {
    const digits = String(Math.abs(fen)).padStart(3, "0");
    const whole = digits.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ",");
    return (fen < 0 ? "-" : "") + whole + "." + digits.slice(-2);
  };
  const value = (line, name) => {
    if (name === "policy_title") return blocks[line.block].title;
    if (name === "status_said") return [value(line, "status"), value(line, "reason")].filter(Boolean).join("：");
    const block = blocks[line.block];
    const found = cell(block.columns[name], line.at);
    return name === "subject_id" && found === "" ? cell(block.columns.beneficiary_id, line.at) : found;
  };
  const shown = (line, name) => {
    const found = value(line, name);
    return name.endsWith("_fen") && typeof found === "number" ? yuan(found) : String(found === null ? "" : found);
  };
  const lines = [];
  blocks.forEach((block, number) => {
    for (let at = 0; at < block.count; at += 1) lines.push({ block: number, at });
  });
  const SEARCHED = ["holder", "account_no", "beneficiary_id", "subject_id", "payment_id"];
  for (const line of lines) line.text = fold(SEARCHED.map((name) => value(line, name)).join("\n"));

  const headings = [...document.querySelectorAll("#lines th[data-column]")];
  const names = headings.map((heading) => heading.dataset.column);
  const body = document.querySelector("#lines tbody");
  let sorted = "amount_fen", falling = true, found = lines, page = 0;

  const compare = (one, other) => {
    const [a, b] = [value(one, sorted), value(other, sorted)];
    const order = typeof a === "number" && typeof b === "number" ? a - b : a < b ? -1 : a > b ? 1 : 0;
    return (falling ? -order : order) || one.block - other.block || one.at - other.at;
  };
  const fill = (part, line) => {
    for (const place of part.querySelectorAll("[data-cell]"))
      place.textContent = cell(blocks[line.block].cells[place.dataset.cell], line.at);
    for (const place of part.querySelectorAll("[data-told]"))
      place.textContent = shown(line, place.dataset.told);
    for (const row of part.querySelectorAll("[data-needs]")) row.hidden = !value(line, row.dataset.needs);
    return part;
  };
  const explained = (line) => {
    const shape = cell(blocks[line.block].shape, line.at);
    const told = document.createElement("td");
    told.colSpan = names.length + 1;
    for (const id of ["detail", shape === null ? "unexplained" : `shape-${line.block}-${shape}`])
      told.append(fill(byId(id).content.cloneNode(true), line));
    return told;
  };
  const open = (button, row, line) => {
    const is_open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!is_open));
    button.textContent = is_open ? button.dataset.open : button.dataset.close;
    if (is_open) return row.nextElementSibling.remove();
    const detail = document.createElement("tr");
    detail.className = "detail";
    detail.append(explained(line));
    row.after(detail);
  };
  const rowOf = (line) => {
    const row = document.createElement("tr");
    const first = document.createElement("td");
    const button = byId("opener").content.firstElementChild.cloneNode(true);
    button.textContent = button.dataset.open;
    button.setAttribute("aria-label", button.dataset.label + shown(line, "holder") + " " + shown(line, "period"));
    button.addEventListener("click", () => open(button, row, line));
    first.append(button);
    row.append(first);
    for (const name of names) {
      const place = document.createElement("td");
      place.textContent = shown(line, name);
      if (name.endsWith("_fen")) place.className = "number";
      if (/_(id|no)$/.test(name) || name === "period") place.className = "digits";
      row.append(place);
    }
    return row;
  };
  const filled = (form, values) => form.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const formed = (place, values) => {
    place.textContent = filled(place.dataset.form, values);
  };
  const draw = () => {
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    page = Math.min(Math.max(page, 0), pages - 1);
    body.replaceChildren(...found.slice(page * PAGE, (page + 1) * PAGE).map(rowOf));
    formed(byId("place"), { page: page + 1, pages });
    byId("back").disabled = page === 0;
    byId("on").disabled = page === pages - 1;
  };
  const narrow = () => {
    const words = fold(byId("search").value).split(/\s+/).filter(Boolean);
    const wanted = Object.fromEntries(["policy", "status", "town", "doubt"].map((id) => [id, byId(id).value]));
    found = lines.filter(
      (line) =>
        words.every((word) => line.text.includes(word)) &&
        (wanted.policy === "" || String(line.block) === wanted.policy) &&
        (wanted.status === "" || value(line, "status") === wanted.status) &&
        (wanted.town === "" || value(line, "town") === wanted.town) &&
        (wanted.doubt === "" || (wanted.doubt === "any" ? value(line, "doubts") !== "" : value(line, "doubts").split("；").includes(wanted.doubt))),
    );
    found.sort(compare);
    const sums = new Map();
    for (const line of found) {
      const status = value(line, "status");
      sums.set(status, (sums.get(status) || 0) + value(line, "amount_fen"));
    }
    const { part, between } = byId("found").dataset;
    const parts = [...sums].map(([status, fen]) => filled(part, { status, sum: yuan(fen) }));
    formed(byId("found"), { rows: found.length, sums: parts.join(between) });
    for (const heading of headings)
      heading.setAttribute("aria-sort", heading.dataset.column !== sorted ? "none" : falling ? "descending" : "ascending");
    page = 0;
    draw();
  };
  for (const heading of headings)
    heading.firstElementChild.addEventListener("click", () => {
      falling = sorted === heading.dataset.column ? !falling : heading.dataset.column.endsWith("_fen");
      sorted = heading.dataset.column;
      narrow();
    });
  byId("tools").addEventListener("submit", (event) => event.preventDefault());
  byId("tools").addEventListener("input", narrow);
  byId("tools").addEventListener("reset", () => setTimeout(narrow));
  byId("back").addEventListener("click", () => { page -= 1; draw(); });
  byId("on").addEventListener("click", () => { page += 1; draw(); });
  narrow();
})();
