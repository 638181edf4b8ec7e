"use strict";
(() => {
  const data = JSON.parse(document.getElementById("lineage").textContent);
  const board = document.getElementById("board");
  const wires = document.getElementById("wires");
  const about = document.getElementById("about");
  const clear = document.getElementById("clear");
  const find = document.getElementById("find");
  const buttons = new Map([...board.querySelectorAll("li button")].map((b) => [b.id, b]));
  const cards = new Map([...board.querySelectorAll(".node")].map((n) => [n.id, n]));
  const up = new Map();
  const down = new Map();
  const add = (map, key, value) => map.has(key) ? map.get(key).push(value) : map.set(key, [value]);
  for (const [from, to, how] of data.values) { add(up, to, [from, how]); add(down, from, [to, how]); }
  const nodeOf = (column) => column.slice(0, column.indexOf("c"));
  const nameOf = (column) => {
    const button = buttons.get(column);
    return data.nodes[nodeOf(column).slice(1)].name + "." + (button ? button.firstChild.textContent : "?");
  };
  let chosen = null;

  // All columns that one is made of, or that are made of it.
  const reach = (start, edges) => {
    const seen = new Set([start]);
    const open = [start];
    while (open.length) {
      for (const [next] of edges.get(open.pop()) || []) {
        if (!seen.has(next)) { seen.add(next); open.push(next); }
      }
    }
    return seen;
  };

  const choose = (column, keep) => {
    chosen = column && column !== chosen ? column : null;
    for (const [id, button] of buttons) button.setAttribute("aria-pressed", String(id === chosen));
    if (!keep) history.replaceState(null, "", chosen ? "#" + encodeURIComponent(nameOf(chosen)) : location.pathname + location.search);
    find.value = "";
    show();
    if (chosen) buttons.get(chosen).scrollIntoView({ block: "nearest", inline: "nearest" });
  };

  const show = () => {
    const words = find.value.trim().toLowerCase();
    let columns = null;
    let nodes = null;
    if (chosen) {
      columns = new Set([...reach(chosen, up), ...reach(chosen, down)]);
      nodes = new Set([...columns].map(nodeOf));
      for (const [from, to] of data.rows) if (from === chosen) nodes.add("n" + to);
    }
    for (const [id, card] of cards) {
      const named = words && data.nodes[id.slice(1)].name.toLowerCase().includes(words);
      let any = false;
      for (const button of card.querySelectorAll("li button")) {
        const on = columns ? columns.has(button.id) : !words || named || button.firstChild.textContent.toLowerCase().includes(words);
        button.parentElement.hidden = !on;
        any ||= on;
      }
      card.hidden = nodes ? !nodes.has(id) : Boolean(words) && !named && !any;
    }
    for (const level of board.querySelectorAll(".level")) level.hidden = ![...level.children].some((card) => !card.hidden);
    clear.hidden = !chosen && !words;
    tell();
    draw(columns);
  };

  const draw = (columns) => {
    wires.replaceChildren();
    const area = board.getBoundingClientRect();
    const wire = (from, to, kind) => {
      if (!from || !to || !from.offsetParent || !to.offsetParent) return;
      const a = from.getBoundingClientRect();
      const b = to.getBoundingClientRect();
      const [x1, y1] = [a.right - area.left, a.top + a.height / 2 - area.top];
      const [x2, y2] = [b.left - area.left, b.top + b.height / 2 - area.top];
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      // Within a card the way leads round its right side.
      const bend = x2 > x1 ? Math.max(24, (x2 - x1) / 2) : 30;
      path.setAttribute("d", x2 > x1 ? `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}` : `M${x1} ${y1}C${x1 + bend} ${y1} ${x1 + bend} ${y2} ${x1} ${y2}`);
      path.setAttribute("class", kind);
      wires.append(path);
    };
    const head = (id) => cards.get(id) && cards.get(id).querySelector("h2");
    if (columns) {
      for (const [from, to, how] of data.values) if (columns.has(from) && columns.has(to)) wire(buttons.get(from), buttons.get(to), how);
      for (const [from, to] of data.rows) if (from === chosen) wire(buttons.get(from), head("n" + to), "rows");
    } else {
      for (const [id, node] of Object.entries(data.nodes)) for (const read of node.reads) wire(head("n" + read), head("n" + id), "read");
    }
    wires.style.width = board.scrollWidth + "px";
    wires.style.height = board.scrollHeight + "px";
  };

  // The same in words, for those who do not see the lines.
  const tell = () => {
    about.hidden = !chosen;
    if (!chosen) return about.replaceChildren();
    const title = document.createElement("h2");
    title.textContent = nameOf(chosen);
    const list = document.createElement("dl");
    const entry = (word, items) => {
      if (!items.length) return;
      const dt = document.createElement("dt");
      dt.textContent = word;
      const dd = document.createElement("dd");
      items.forEach(([column, text], index) => {
        if (index) dd.append(", ");
        if (!column) return dd.append(text);
        const link = document.createElement("button");
        link.type = "button";
        link.textContent = nameOf(column);
        link.addEventListener("click", () => choose(column));
        dd.append(link, text);
      });
      list.append(dt, dd);
    };
    const values = (edges) => (edges.get(chosen) || []).map(([column, how]) => [column, how === "unchanged" ? "" : ` (${how})`]);
    entry("comes from", values(up));
    entry("goes to", values(down));
    const rows = data.rows.filter(([from]) => from === chosen).map(([, to, by]) => [data.nodes[to], by]);
    entry("decides about rows of", rows.filter(([node]) => node.kind !== "test").map(([node, by]) => [null, `${node.name} (${by})`]));
    entry("tested by", rows.filter(([node]) => node.kind === "test").map(([node]) => [null, node.name]));
    if (!list.children.length) entry("read by", [[null, "nothing here"]]);
    about.replaceChildren(title, list);
  };

  board.addEventListener("click", (event) => {
    const button = event.target.closest("li button");
    if (button) choose(button.id);
  });
  clear.addEventListener("click", () => { find.value = ""; choose(null); });
  find.addEventListener("input", () => { if (chosen) { const text = find.value; choose(null); find.value = text; } show(); });
  addEventListener("keydown", (event) => { if (event.key === "Escape") { find.value = ""; choose(null); } });
  addEventListener("resize", () => draw(chosen && new Set([...reach(chosen, up), ...reach(chosen, down)])));

  let first = data.asked;
  try {
    const wanted = decodeURIComponent(location.hash.slice(1));
    first = [...buttons.keys()].find((id) => nameOf(id) === wanted) || first;
  } catch { /* An address that is no text chooses nothing. */ }
  if (first) choose(first, true); else show();
})();
