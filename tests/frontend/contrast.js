/* Every visible text whose contrast with the surface behind it is below WCAG 2's AA. Run by Playwright in the page. */
() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const read = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const rgba = (colour) => {
    if (!known.has(colour)) known.set(colour, read(colour));
    return known.get(colour);
  };
  const linear = (channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  const light = ([red, green, blue]) => 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  const over = (top, bottom) => {
    const alpha = top[3] / 255;
    return [0, 1, 2].map((channel) => top[channel] * alpha + bottom[channel] * (1 - alpha)).concat(255);
  };
  const behind = (element) => {
    const layers = [];
    for (let outer = element; outer; outer = outer.parentElement) layers.push(rgba(getComputedStyle(outer).backgroundColor));
    return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255, 255]);
  };
  const left = "script, template, option, canvas, :disabled, .visually-hidden, .skip-link, dialog";
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || element.closest(left) || !element.checkVisibility({ opacityProperty: true })) continue;
    const style = getComputedStyle(element);
    const surface = behind(element);
    const [more, less] = [light(over(rgba(style.color), surface)), light(surface)].sort((one, other) => other - one);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const ratio = (more + 0.05) / (less + 0.05);
    if (ratio < (large ? 3 : 4.5)) poor.push(`${node.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)} (${element.className})`);
  }
  return poor;
}
