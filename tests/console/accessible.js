// What is wrong with a page for a reader who does not see it, or not well: a list of sentences.
() => {
  const faults = [];
  const shown = (one) => {
    const style = getComputedStyle(one);
    const box = one.getBoundingClientRect();
    return style.visibility !== "hidden" && style.display !== "none" && box.width > 0 && box.height > 0;
  };
  const all = (selector) => [...document.querySelectorAll(selector)];
  const what = (one) => `<${one.tagName.toLowerCase()}> ${(one.textContent || "").trim().slice(0, 40)}`;

  if (!document.documentElement.lang) faults.push("the page does not name its language");
  if (!document.title.trim()) faults.push("the page has no title");
  for (const [selector, count] of [["main", 1], ["h1", 1], ["body > header", 1], ["body > footer", 1]]) {
    if (all(selector).length !== count) faults.push(`${all(selector).length} of ${selector}`);
  }
  const ids = all("[id]").map((one) => one.id);
  for (const id of new Set(ids)) {
    if (ids.filter((other) => other === id).length > 1) faults.push(`the id ${id} is there twice`);
  }
  let level = 0;
  for (const heading of all("h1, h2, h3, h4")) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) faults.push(`heading ${what(heading)} comes after level ${level}`);
    if (!heading.textContent.trim()) faults.push("a heading is empty");
    level = next;
  }

  const text = (id) => document.getElementById(id)?.textContent.trim() ?? "";
  const name = (one) => one.getAttribute("aria-label")?.trim() ||
    (one.getAttribute("aria-labelledby") || "").split(" ").map(text).join(" ").trim() ||
    [...(one.labels ?? [])].map((label) => label.textContent.trim()).join(" ") ||
    one.textContent.trim();
  for (const one of all("a[href], button, input, summary, progress, nav, section, [role=img], [role=region]")) {
    if (shown(one) && !name(one)) faults.push(`${what(one)} has no name`);
  }
  for (const one of all("nav")) {
    const twins = all("nav").filter((other) => name(other) === name(one));
    if (twins.length > 1) faults.push(`two navigations are called ${name(one)}`);
  }
  for (const one of all("[aria-labelledby], [aria-describedby]")) {
    for (const id of `${one.getAttribute("aria-labelledby") ?? ""} ${one.getAttribute("aria-describedby") ?? ""}`.split(" ")) {
      if (id && !document.getElementById(id)) faults.push(`${what(one)} points to ${id}, which is not there`);
    }
  }
  for (const one of all("label[for]")) {
    if (!document.getElementById(one.htmlFor)) faults.push(`${what(one)} labels nothing`);
  }
  for (const one of all("svg")) {
    if (one.getAttribute("aria-hidden") !== "true" && one.getAttribute("role") !== "img") {
      faults.push("a picture has neither a text nor is it hidden");
    }
  }
  for (const one of all("table")) {
    if (!one.querySelector("th[scope]")) faults.push(`${what(one)} has no headers`);
  }
  for (const one of all("[tabindex]")) {
    if (one.tabIndex > 0) faults.push(`${what(one)} changes the order of focus`);
  }
  for (const one of all("main a[href], button, input, summary")) {
    const box = one.getBoundingClientRect();
    const inline = getComputedStyle(one).display === "inline";
    if (shown(one) && !inline && Math.min(box.width, box.height) < 17.5) {
      faults.push(`${what(one)} is ${box.width} by ${box.height} pixels`);
    }
  }

  // Contrast (WCAG 2.2, 1.4.3) of every piece of text against what is painted behind it.
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const colour = (css) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = css;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = (top, bottom) => [0, 1, 2].map((at) => top[at] * top[3] + bottom[at] * (1 - top[3]));
  const light = (rgb) => {
    const [red, green, blue] = rgb.map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (one) => {
    const layers = [];
    for (let at = one; at; at = at.parentElement) layers.push(colour(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((ground, layer) => over(layer, ground), [255, 255, 255]);
  };
  const pieces = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (pieces.nextNode()) {
    const one = pieces.currentNode.parentElement;
    if (!pieces.currentNode.data.trim() || !shown(one) || one.closest(".hidden, .skip, noscript, progress")) continue;
    const style = getComputedStyle(one);
    const ground = behind(one.closest("svg") ?? one);
    const ink = over(colour(one.closest("svg") ? style.fill : style.color), ground);
    const [high, low] = [light(ink), light(ground)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) faults.push(`${what(one)} has a contrast of ${ratio.toFixed(2)}`);
  }
  return [...new Set(faults)];
};
