(() => {
  // A colour as red, green, blue and how much of it there is.
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const parts = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((part, i) => part * a + under[i] * (1 - a));
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (light + 0.05) / (dark + 0.05);
  };
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const layer = parts(getComputedStyle(at).backgroundColor);
      if (layer[3] > 0) layers.push(layer);
      if (layer[3] === 1) break;
    }
    return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255]);
  };
  const pale = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.closest("script, style, title, .hidden, .page > h2")) continue;
    // What is written on marks has its ground elsewhere.
    const drawn = element.closest("svg");
    if (drawn && !element.closest(".xtick, .ytick, .legend, .g-xtitle, .g-ytitle")) continue;
    // On a light ground, a dashboard's own colours are shown as it has them.
    if (!matchMedia("(prefers-color-scheme: dark)").matches && element.closest("[style*='color:']")) continue;
    const style = getComputedStyle(element);
    const under = ground(drawn ? drawn.parentElement : element);
    const found = ratio(over(parts(drawn ? style.fill : style.color), under), under);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (found < (large ? 3 : 4.5)) pale.add(`${found.toFixed(2)} for "${node.data.trim().slice(0, 30)}" in ${element.className.baseVal ?? element.className} of ${element.parentElement?.className}`);
  }
  return [...pale].slice(0, 8);
})()
