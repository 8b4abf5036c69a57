// Dropping a file onto the form that takes a bundle: it becomes the file of the form's own field.

/** Makes the field take what is dropped, and says what it holds. */
export function takeDrops() {
  const field = document.getElementById("drop");
  if (!field) return;
  const input = document.getElementById("bundle");
  const line = document.getElementById("dropped");
  const form = field.closest("form");
  const most = Number(form.dataset.most);
  for (const hint of field.querySelectorAll(".script-only")) hint.hidden = false;

  function tell() {
    const file = input.files[0];
    const large = file && file.size > most;
    input.setCustomValidity(large ? "This file is larger than any bundle that is taken here." : "");
    line.textContent = !file ? "" : large ? input.validationMessage : `${file.name} is ready to be checked.`;
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
    taken.items.add(event.dataTransfer.files[0]);
    input.files = taken.files;
    tell();
    if (input.checkValidity()) form.requestSubmit();
  });
}
