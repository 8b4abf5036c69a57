// Dropping files onto the form that takes bundles: they become those of the form's own field.

/** Makes the field take what is dropped, and says what it holds. */
export function takeDrops() {
  const field = document.getElementById("drop");
  if (!field) return;
  const input = document.getElementById("bundle");
  const line = document.getElementById("dropped");
  const form = field.closest("form");
  const most = Number(form.dataset.most);
  const mostBundles = Number(form.dataset.mostBundles);
  for (const hint of field.querySelectorAll(".script-only")) hint.hidden = false;

  function tell() {
    const files = [...input.files];
    const large = files.reduce((sum, file) => sum + file.size, 0) > most;
    const wrong = large
      ? files.length > 1 ? "These files are larger than what is taken here." : "This file is larger than any bundle that is taken here."
      : files.length > mostBundles ? `At most ${mostBundles} bundles are judged together.` : "";
    input.setCustomValidity(wrong);
    const ready = files.length > 1
      ? `${files.length} bundles are ready to be checked together, with a policy over them.`
      : `${files[0]?.name} is ready to be checked.`;
    line.textContent = files.length ? wrong || ready : "";
  }

  input.addEventListener("change", tell);
  for (const name of ["dragenter", "dragover"]) {
    field.addEventListener(name, (event) => {
      event.preventDefault();
      field.classList.add("over");
    });
  }
  for (const name of ["dragleave", "drop"]) {
    field.addEventListener(name, () => field.classList.remove("over"));
  }
  field.addEventListener("drop", (event) => {
    event.preventDefault();
    if (!event.dataTransfer.files.length) return;
    const taken = new DataTransfer();
    for (const file of event.dataTransfer.files) taken.items.add(file);
    input.files = taken.files;
    tell();
    // Several need a policy, which is chosen in another field.
    if (input.files.length === 1 && input.checkValidity()) form.requestSubmit();
  });
}
