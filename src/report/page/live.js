(() => {
  "use strict";
  // Choices are kept in the address, so that a page can be bookmarked and sent around. They are applied when a filter's box
  // closes, so that several can be chosen at once; Escape takes them back.
  const says = document.querySelector(".says");
  const behind = document.querySelector(".behind");
  const pages = [...document.querySelectorAll(".page")];
  const shown = () => pages.find((page) => !page.hidden);
  const inputs = (box) => [...box.querySelectorAll("input")];
  const is_mark = (input) => ["checkbox", "radio"].includes(input.type);
  const read = (box) => inputs(box).filter((input) => !is_mark(input) || input.checked).map((input) => input.value).join("\u0000");
  const summary = (box) => box.querySelector("summary");

  // What is applied stands in the inputs' defaults; what differs from it when a box closes is chosen.
  const applied = (box) =>
    inputs(box).filter((input) => !is_mark(input) || input.defaultChecked).map((input) => (is_mark(input) ? input.value : input.defaultValue)).join("\u0000");
  const settle = (box) => inputs(box).forEach((input) => {
    if (is_mark(input)) input.defaultChecked = input.checked;
    else input.defaultValue = input.value;
  });
  const take_back = (box) => inputs(box).forEach((input) => {
    if (is_mark(input)) input.checked = input.defaultChecked;
    else input.value = input.defaultValue;
  });
  // A page that is out of date waits until nobody chooses.
  let stale = false;
  const apply = (box) => {
    const [name, now] = [box.dataset.filter, read(box)];
    if (applied(box) !== now) {
      settle(box);
      const address = new URL(location.href);
      address.searchParams.delete(name);
      // An empty first value says that nothing is chosen, which is not the same as the file's default.
      now.split("\u0000").forEach((value) => address.searchParams.append(name, value));
      history.pushState(null, "", address);
      if (!stale) ask(name);
    }
    if (stale) location.reload();
  };

  // Tiles are put in the place of those that are there; who stands in one with the focus stays there.
  const drawn = new Map();
  const replace = (page, { tile, html, charts }) => {
    const key = `${page.id} ${tile}`;
    const content = html + JSON.stringify(charts);
    const old = [...page.querySelectorAll("[data-widget]")].find((own) => own.dataset.widget === tile);
    if (!old || drawn.get(key) === content) return false;
    drawn.set(key, content);
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const fresh = holder.content.firstElementChild;
    fresh.querySelectorAll(".plot").forEach((plot, index) => { plot.chart = charts[index]; });
    const stops = (within) => [...within.querySelectorAll("summary, a, button, [tabindex]")];
    const at = stops(old).indexOf(document.activeElement);
    const data = fresh.querySelector("details.data");
    if (data) data.open = old.querySelector("details.data")?.open ?? false;
    // What is still being drawn finds nothing to draw on once it is purged.
    old.querySelectorAll(".plot").forEach((plot) => Promise.resolve(plot.drawing).finally(() => Plotly.purge(plot)));
    old.replaceWith(fresh);
    if (at >= 0) (stops(fresh)[at] ?? stops(fresh)[0])?.focus({ preventScroll: true });
    document.dispatchEvent(new CustomEvent("replaced"));
    return true;
  };
  const boxes = () => [...document.querySelectorAll("details.live")];
  const refill = ({ filter, html }) => {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const fresh = holder.content.firstElementChild;
    for (const box of boxes().filter((own) => own.dataset.filter === filter)) {
      summary(box).innerHTML = summary(fresh).innerHTML;
      // Nobody's choice is taken out of their hands.
      if (box.open && inputs(box).length) continue;
      box.querySelector(".choices").innerHTML = fresh.querySelector(".choices").innerHTML;
    }
  };

  // What was asked for a page, and with which choices.
  const answered = new Map();
  let asking;
  const ask = async (filter) => {
    const page = shown();
    const search = location.search;
    if (asking) {
      asking.stop.abort();
      asking.page.removeAttribute("aria-busy");
      answered.delete(asking.page);
    }
    const mine = { page, stop: new AbortController() };
    asking = mine;
    answered.set(page, search);
    page.setAttribute("aria-busy", "true");
    const address = new URL("/answers", location.href);
    address.search = search;
    address.searchParams.append("kiln.page", String(pages.indexOf(page) + 1));
    let [count, failed] = [0, 0];
    const hear = (line) => {
      if (line.refused !== undefined) throw new Error(line.refused);
      if (line.behind !== undefined) {
        behind.textContent = line.behind;
        behind.hidden = line.behind === "";
      } else if (line.filter !== undefined) {
        refill(line);
      } else if (line.tile !== undefined) {
        count += replace(page, line);
        failed += line.failed;
      }
    };
    try {
      const answer = await fetch(address, { signal: mine.stop.signal });
      // The page in place of this one says what is wrong.
      if (!answer.ok) return location.reload();
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        const lines = (text + value).split("\n");
        text = lines.pop();
        lines.forEach((line) => hear(JSON.parse(line)));
      }
      const wrong = failed ? `${failed} ${failed === 1 ? "tile" : "tiles"} failed.` : "";
      const chosen = boxes().find((box) => box.dataset.filter === filter);
      const what = chosen ? `${[...summary(chosen).children].map((part) => part.textContent).join(": ")}. ` : "";
      // Whoever has just opened a page hears its title.
      says.textContent = filter === undefined ? wrong : `${what}${count} ${count === 1 ? "tile has" : "tiles have"} changed. ${wrong}`;
      says.classList.remove("wrong");
    } catch (error) {
      if (asking !== mine) return;
      answered.delete(page);
      says.classList.add("wrong");
      says.textContent = error instanceof TypeError ? "The preview does not answer any more: start it again." : error.message;
    }
    asking = undefined;
    page.removeAttribute("aria-busy");
  };
  const ask_if_needed = () => {
    if (answered.get(shown()) !== location.search) ask();
  };

  document.addEventListener("toggle", (event) => {
    const box = event.target;
    if (!box.matches?.("details.live")) return;
    if (!box.open) return apply(box);
    boxes().forEach((other) => other !== box && (other.open = false));
  }, true);
  document.addEventListener("keydown", (event) => {
    const box = event.target.closest?.("details.live");
    if (!box?.open) return;
    const enter = event.key === "Enter" && event.target.tagName === "INPUT";
    if (!enter && event.key !== "Escape") return;
    event.preventDefault();
    if (!enter) take_back(box);
    summary(box).focus();
    box.open = false;
  });
  document.addEventListener("click", (event) => {
    boxes().filter((box) => box.open && !box.contains(event.target)).forEach((box) => (box.open = false));
  });
  document.addEventListener("opened", ask_if_needed);
  addEventListener("popstate", () => ask(""));
  new EventSource("/changes").addEventListener("message", () => {
    stale = true;
    if (!boxes().some((box) => box.open)) location.reload();
  });
  ask();
})();
