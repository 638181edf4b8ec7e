(() => {
  "use strict";
  const root = document.documentElement;
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const plots = () => [...document.querySelectorAll(".plot")];
  const shade = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  // A picture cannot be scrolled: tiles are as tall there as what is in them.
  if (/^#(measure|\d+-whole)$/.test(location.hash)) root.dataset.whole = "yes";

  // Axes, fonts and legend take their colours from the page, so that a chart fits a light and a dark one.
  const dress = (chart, box) => {
    const layout = structuredClone(chart.layout);
    const text = shade("--text"), soft = shade("--soft"), grid = shade("--grid");
    const narrow = box.clientWidth < 460;
    layout.font = { family: getComputedStyle(document.body).fontFamily, size: 12, color: soft };
    layout.paper_bgcolor = layout.plot_bgcolor = "rgba(0,0,0,0)";
    layout.margin = { l: 12, r: 14, t: layout.annotations ? 22 : 10, b: 12, pad: 2 };
    layout.hovermode = "closest";
    layout.hoverlabel = { bgcolor: shade("--hover"), bordercolor: grid, font: { size: 13, color: text } };
    layout.dragmode = false;
    // Nothing measures a chart again once the sheet is laid out.
    if (root.dataset.theme) Object.assign(layout, { autosize: false, width: box.clientWidth, height: box.clientHeight });
    for (const [name, axis] of Object.entries(layout)) {
      if (!/^[xy]axis/.test(name)) continue;
      Object.assign(axis, { automargin: true, gridcolor: grid, linecolor: grid, zerolinecolor: grid, fixedrange: true });
      axis.tickfont = { size: 12, color: soft };
      if (axis.title) axis.title = { ...axis.title, standoff: 10, font: { size: 12, color: soft } };
      if (axis.type === "category" && name.startsWith("x") && narrow) axis.tickangle ??= -45;
      const share = axis.domain ? axis.domain[1] - axis.domain[0] : 1;
      if (name.startsWith("x") && axis.type !== "category") axis.nticks = Math.max(2, Math.floor((narrow ? 5 : 12) * (share < 1 ? share * 0.8 : 1)));
      if (share < 1 && axis.type === "date") axis.tickangle ??= 0;
    }
    const legend = { ...(layout.legend ?? {}), font: { size: 12, color: text }, bgcolor: "rgba(0,0,0,0)" };
    layout.legend = narrow ? { ...legend, orientation: "h", x: 0, xanchor: "left", y: -0.25, yanchor: "top" } : legend;
    return layout;
  };
  const draw = (box) => {
    // A chart that came later stands at its box.
    const chart = box.chart ?? charts[Number(box.dataset.chart)];
    box.dataset.drawn = "yes";
    box.drawing = Plotly.react(box, structuredClone(chart.data), dress(chart, box), { displayModeBar: false, responsive: true });
  };
  const shown = () => plots().filter((box) => !box.closest("[hidden]"));
  const drawShown = () => shown().forEach((box) => draw(box));
  const redraw = () => plots().filter((box) => box.dataset.drawn).forEach((box) => draw(box));

  const tabs = [...document.querySelectorAll("[role=tab]")];
  const pages = [...document.querySelectorAll(".page")];
  const open = (index, focus) => {
    tabs.forEach((tab, i) => {
      tab.setAttribute("aria-selected", String(i === index));
      tab.tabIndex = i === index ? 0 : -1;
      pages[i].hidden = i !== index;
    });
    if (focus) tabs[index].focus();
    // Where it is narrow, the row of tabs is longer than the screen.
    tabs[index].scrollIntoView({ block: "nearest", inline: "nearest" });
    drawShown();
    document.dispatchEvent(new CustomEvent("opened"));
  };
  if (tabs.length > 1) {
    document.body.classList.add("tabbed");
    tabs.forEach((tab, index) => {
      pages[index].setAttribute("role", "tabpanel");
      const go = (to, focus) => {
        history.replaceState(null, "", `#${to + 1}`);
        open(to, focus);
      };
      tab.addEventListener("click", () => go(index));
      tab.addEventListener("keydown", (event) => {
        const last = tabs.length - 1;
        const to = { ArrowRight: index === last ? 0 : index + 1, ArrowLeft: index === 0 ? last : index - 1, Home: 0, End: last }[event.key];
        if (to === undefined) return;
        event.preventDefault();
        go(to, true);
      });
    });
    const wanted = Number(/^#(\d+)(-whole)?$/.exec(location.hash)?.[1] ?? 1) - 1;
    open(wanted >= 0 && wanted < tabs.length ? wanted : 0);
  } else {
    drawShown();
  }

  // A table is sorted by the column whose title is pressed, upwards and then downwards; empty cells stay last.
  document.addEventListener("click", (event) => {
    const header = event.target.closest?.(".sort")?.closest("th");
    if (!header) return;
    const descending = header.getAttribute("aria-sort") === "ascending";
    for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const body = header.closest("table").tBodies[0];
    const value = (row) => row.cells[header.cellIndex].dataset.sort ?? row.cells[header.cellIndex].textContent;
    const keyed = [...body.rows].map((row) => [value(row), Number(value(row)), row]);
    keyed.sort(([a, x], [b, y]) => {
      if (a === "" || b === "") return (a === "") - (b === "");
      const order = Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
      return descending ? -order : order;
    });
    body.append(...keyed.map(([, , row]) => row));
    body.querySelectorAll(".place").forEach((cell, index) => { cell.textContent = index + 1; });
  });

  // Whoever takes pictures of the pages asks first how tall they are.
  if (location.hash === "#measure") {
    const height = (page, index) => {
      if (tabs.length > 1) open(index);
      return Math.ceil(document.body.getBoundingClientRect().bottom);
    };
    root.dataset.heights = pages.map(height).join(" ");
  }

  document.addEventListener("replaced", () => shown().filter((box) => !box.dataset.drawn).forEach((box) => draw(box)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  // Paper is light, and has all the pages.
  addEventListener("beforeprint", () => {
    root.dataset.theme = "light";
    pages.forEach((page) => { page.dataset.wasHidden = String(page.hidden); page.hidden = false; });
    plots().forEach((box) => draw(box));
  });
  addEventListener("afterprint", () => {
    delete root.dataset.theme;
    pages.forEach((page) => { page.hidden = page.dataset.wasHidden === "true"; });
    redraw();
  });
})();
