// Keeps the parts of a page that change as they are on the server, by loading the page again.

import { offerCopies, say } from "./copy.js";

const SLOWEST_MS = 15000;

/** Replaces every element with `data-live` that has changed; the reader's place is kept. */
function take(fresh) {
  for (const old of document.querySelectorAll("[data-live]")) {
    const changed = fresh.getElementById(old.id);
    if (!changed || changed.innerHTML === old.innerHTML) continue;
    const mark = place(old);
    const scrolled = [...old.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
    old.replaceChildren(...document.adoptNode(changed).childNodes);
    old.querySelectorAll(".scroll").forEach((one, at) => (one.scrollLeft = scrolled[at] ?? 0));
    offerCopies(old);
    if (mark) find(old, mark)?.focus({ preventScroll: true });
  }
  const told = [...document.querySelectorAll("[data-live] [data-say]")];
  if (told.length) say(told.map((one) => one.textContent.trim().replace(/\s+/g, " ")).join(" "));
}

/** What has the focus within `root`, in words that hold for its successor too. */
function place(root) {
  const focused = document.activeElement;
  if (!focused || !root.contains(focused)) return null;
  const kind = focused.tagName.toLowerCase();
  const alike = [...root.querySelectorAll(kind)];
  return { kind, at: alike.indexOf(focused), href: focused.getAttribute("href"),
    copy: focused.dataset.copy, label: focused.getAttribute("aria-label") };
}

function find(root, mark) {
  const alike = [...root.querySelectorAll(mark.kind)];
  const same = (one) => one.getAttribute("href") === mark.href &&
    one.dataset.copy === mark.copy && one.getAttribute("aria-label") === mark.label;
  return alike.find(same) ?? alike[mark.at];
}

/** Loads the page again as often as it asks for, while it is seen and not paused. */
export function keepLive() {
  const wanted = document.querySelector(".live[data-every]");
  if (!wanted) return;
  const every = Number(wanted.dataset.every) * 1000;
  const pause = document.getElementById("pause");
  let wait = every;
  let paused = false;

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Updates are paused" : "Pause updates";
  });

  async function look() {
    if (!paused && !document.hidden && !chosen()) {
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
        if (!answer.ok) throw new Error(answer.statusText);
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        take(fresh);
        wait = every;
        if (!fresh.querySelector(".live[data-every]")) {
          pause.remove();
          return;
        }
      } catch {
        wait = Math.min(2 * wait, SLOWEST_MS);
        say("The server does not answer; trying again");
      }
    }
    setTimeout(look, wait);
  }
  setTimeout(look, wait);
}

/** Whether the reader has text selected, which a replacement would take away. */
function chosen() {
  return String(document.getSelection()).length > 0;
}
