// Keeps the parts of a page that change as they are on the server, by loading the page again
// whenever it may have changed.

import { offerCopies, say } from "./copy.js";

const SLOWEST_MS = 15000;

/** Replaces every element with `data-live` that has changed; the reader's place is kept. */
function take(fresh) {
  for (const old of document.querySelectorAll("[data-live]")) {
    const changed = fresh.getElementById(old.id);
    if (!changed || changed.innerHTML === old.innerHTML) continue;
    const mark = place(old);
    for (const one of old.querySelectorAll("details[id][open]")) {
      const same = fresh.getElementById(one.id);
      if (same) same.open = true;
    }
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

/**
 * Loads the page again while it is seen and not paused: when the server tells that there is news,
 * or as often as the page asks for where nobody tells.
 */
export function keepLive() {
  const wanted = document.querySelector(".live[data-every]");
  if (!wanted) return;
  const every = Number(wanted.dataset.every) * 1000;
  const pause = document.getElementById("pause");
  let wait = every;
  let paused = false;
  let address = wanted.dataset.events;
  let told = null;
  let refused = false;
  let news = false;
  let looking = false;
  let timer = 0;
  let looked = Date.now();

  function later(ms) {
    clearTimeout(timer);
    timer = setTimeout(look, ms);
  }

  async function look() {
    if (paused || document.hidden) return;
    if (looking || chosen()) return later(wait);
    looking = true;
    looked = Date.now();
    news = false;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok) throw new Error(answer.statusText);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      take(fresh);
      wait = every;
      const still = fresh.querySelector(".live[data-every]");
      if (!still) return stop();
      address = still.dataset.events;
      if (address) follow();
      else unfollow();
    } catch {
      wait = Math.min(2 * wait, SLOWEST_MS);
      say("The server does not answer; trying again");
      return later(wait);
    } finally {
      looking = false;
    }
    // No event tells of some things, such as gas; they can wait.
    later(told?.readyState === EventSource.OPEN && !news ? SLOWEST_MS : wait);
  }

  /** Has the server tell of every step, which holds a connection for as long as that. */
  function follow() {
    if (!address || told || refused) return;
    told = new EventSource(address);
    const soon = () => {
      news = true;
      later(Math.max(0, looked + every - Date.now()));
    };
    told.addEventListener("state", soon);
    told.addEventListener("progress", soon);
    told.addEventListener("error", () => {
      // It tries again by itself, unless it was refused or everything has been told.
      refused = told?.readyState === EventSource.CLOSED;
      later(wait);
    });
  }

  function unfollow() {
    told?.close();
    told = null;
  }

  function begin() {
    unfollow();
    clearTimeout(timer);
    if (paused || document.hidden) return;
    follow();
    later(Math.max(0, looked + every - Date.now()));
  }

  function stop() {
    paused = true;
    unfollow();
    clearTimeout(timer);
    pause.remove();
  }

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Updates are paused" : "Pause updates";
    begin();
  });
  // A browser has few connections for one server: a page that nobody sees holds none.
  document.addEventListener("visibilitychange", begin);
  begin();
}

/** Whether the reader has text selected, which a replacement would take away. */
function chosen() {
  return String(document.getSelection()).length > 0;
}
