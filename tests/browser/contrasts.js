// Gives each text that is seen with the contrast to its ground, as WCAG 2.2 counts it.
() => {
  const numbers = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = (colour) => numbers(colour).slice(0, 3).map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if (!colour.startsWith("rgba") || numbers(colour)[3] === 1) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  return [...document.querySelectorAll("main *, header *, footer *")]
    .filter((one) => one.checkVisibility() && [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .filter((one) => !one.closest(".unseen"))
    .map((one) => {
      const colour = one instanceof SVGElement ? getComputedStyle(one).fill : getComputedStyle(one).color;
      const [high, low] = [light(colour), light(ground(one))].sort((a, b) => b - a);
      return { text: one.textContent.trim().slice(0, 40), ratio: (high + 0.05) / (low + 0.05) };
    });
}
