// Buttons that copy a whole digest.

const SAID_MS = 1500;

/** Shows the buttons within `root`; they are hidden where no script runs. */
export function offerCopies(root) {
  for (const button of root.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
  }
}

export function say(text) {
  const line = document.getElementById("said");
  if (line && line.textContent !== text) line.textContent = text;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    say("The browser did not allow copying; select the digest instead");
    return;
  }
  button.classList.add("copied");
  say("Copied");
  setTimeout(() => {
    button.classList.remove("copied");
    say("");
  }, SAID_MS);
});
