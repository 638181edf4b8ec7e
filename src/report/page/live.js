(() => {
  "use strict";
  // Choices are kept in the address, so that a page can be bookmarked and sent around. They are applied when a filter's box
  // closes, so that several can be chosen at once.
  const read = (box) => {
    const inputs = [...box.querySelectorAll("input")];
    const picked = inputs.filter((input) => !["checkbox", "radio"].includes(input.type) || input.checked);
    return picked.map((input) => input.value);
  };
  const boxes = [...document.querySelectorAll("details.live")];
  const before = new Map(boxes.map((box) => [box, read(box).join("\u0000")]));
  const apply = (box) => {
    const values = read(box);
    if (values.join("\u0000") === before.get(box)) return;
    const name = box.querySelector("input").name;
    const address = new URL(location.href);
    address.searchParams.delete(name);
    // An empty first value says that nothing is chosen, which is not the same as the file's default.
    (values.length ? values : [""]).forEach((value) => address.searchParams.append(name, value));
    document.body.style.cursor = "progress";
    location.assign(address);
  };
  boxes.forEach((box) => {
    box.addEventListener("toggle", () => (box.open ? boxes.forEach((other) => other !== box && (other.open = false)) : apply(box)));
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.tagName === "INPUT") box.open = false;
      if (event.key === "Escape") {
        box.open = false;
        box.querySelector("summary").focus();
      }
    });
  });
  document.addEventListener("click", (event) => {
    boxes.filter((box) => box.open && !box.contains(event.target)).forEach((box) => (box.open = false));
  });
  new EventSource("/changes").addEventListener("message", () => location.reload());
})();
