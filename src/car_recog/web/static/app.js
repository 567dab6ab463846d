// The page works without this file: each form is an ordinary one. Here photos can be dropped and pasted, are shown before they are sent,
// and the answer comes into the page as the server worded it.

const PATIENCE = 120_000; // milliseconds until an answer is given up

const sections = [...document.querySelectorAll("section.task")];

function open(name) {
  const section = sections.find((one) => one.id === name);
  if (!section) return;
  for (const one of sections) one.classList.toggle("open", one === section);
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

addEventListener("hashchange", () => open(location.hash.slice(1)));
open(location.hash.slice(1));

class Question {
  constructor(section) {
    this.section = section;
    this.form = section.querySelector("form");
    this.answer = section.querySelector(".answer");
    this.status = section.querySelector(".status");
    this.progress = section.querySelector(".progress");
    this.drops = [...section.querySelectorAll(".drop")].map((element) => new Drop(element, this));
    this.request = null;
    this.form.addEventListener("submit", (event) => this.submit(event));
    section.querySelector(".example").addEventListener("click", (event) => this.tryExample(event));
    section.addEventListener("change", (event) => event.target.name === "recogniser" && this.isComplete && this.ask());
  }

  get isComplete() {
    return this.drops.every((drop) => drop.input.files.length);
  }

  // Another photo takes the place of one that is still on its way.
  changed() {
    this.request?.abort();
    this.answer.replaceChildren();
    this.section.classList.remove("answered");
    this.tell("");
    const tooLarge = this.drops.find((drop) => drop.file && drop.file.size > drop.maxBytes);
    if (tooLarge) return this.refuse(tooLarge.tooLarge);
    if (this.isComplete) this.ask();
  }

  submit(event) {
    event.preventDefault();
    if (this.request) return; // a second click does not send twice
    this.ask(event.submitter?.name === "explain");
  }

  async tryExample(event) {
    event.preventDefault();
    const shown = [...event.currentTarget.querySelectorAll("img")].filter((image) => image.checkVisibility());
    try {
      const files = await Promise.all(shown.map((image) => fetchPhoto(image.src)));
      this.drops.forEach((drop, place) => drop.put([files[place]], place === this.drops.length - 1));
    } catch {
      this.refuse("The drawn photo could not be fetched. Is the server still running? Load the page again.");
    }
  }

  ask(isExplained = false) {
    this.request?.abort();
    const data = new FormData(this.form);
    if (isExplained) data.set("explain", "true");
    const request = (this.request = new XMLHttpRequest());
    const end = (show) => () => {
      if (this.request !== request) return;
      this.request = null;
      this.wait(false);
      show();
    };
    request.open("POST", this.form.action);
    request.setRequestHeader("X-Fragment", "true");
    request.timeout = PATIENCE;
    request.upload.onprogress = (event) => event.lengthComputable && this.sent(event.loaded / event.total);
    request.upload.onload = () => this.sent(1);
    request.onload = end(() => this.show(request, isExplained));
    request.ontimeout = end(() => this.refuse("No answer came in two minutes. Ask again, or send a smaller photo."));
    request.onerror = end(() => this.refuse("The server did not answer. Is it still running, and the network up? Ask again."));
    request.onabort = end(() => {});
    this.wait(true);
    this.sent(0);
    request.send(data);
  }

  sent(share) {
    this.progress.firstElementChild.value = share;
    this.tell(share < 1 ? `Sending, ${10 * Math.floor(10 * share)} %` : "Looking"); // in tens: each change is read out
  }

  show(request, isExplained) {
    const type = request.getResponseHeader("Content-Type") ?? "";
    if (type.startsWith("text/html")) {
      this.fill(request.responseText);
      if (isExplained) this.answer.querySelector(".heatmaps")?.scrollIntoView({ block: "nearest" });
      return;
    }
    try {
      this.refuse(JSON.parse(request.responseText).detail);
    } catch {
      this.refuse(`The server gave an answer that this page cannot read (status ${request.status}). Ask again.`);
    }
  }

  refuse(sentence) {
    const article = document.createElement("article");
    const [heading, text] = [document.createElement("h3"), document.createElement("p")];
    article.className = "result bad";
    heading.textContent = "No answer";
    text.textContent = sentence;
    article.append(heading, text);
    this.fill(article.outerHTML);
  }

  // The verdict is read out from the line of the status; the answer itself can be walked through at leisure.
  fill(html) {
    const hadFocus = this.answer.contains(document.activeElement);
    this.answer.innerHTML = html;
    this.section.classList.add("answered");
    const result = this.answer.firstElementChild;
    const words = result.classList.contains("bad") ? result.textContent : result.querySelector("h3").textContent;
    this.tell(words, true);
    if (hadFocus) {
      const heading = result.querySelector("h3");
      heading.tabIndex = -1;
      heading.focus();
    }
    result.scrollIntoView({ block: "nearest" });
  }

  tell(words, isQuiet = false) {
    if (this.status.textContent !== words) this.status.textContent = words;
    this.status.classList.toggle("unseen", isQuiet);
  }

  wait(isWaiting) {
    this.progress.hidden = !isWaiting;
    this.form.setAttribute("aria-busy", String(isWaiting));
    for (const button of this.section.querySelectorAll("button")) button.setAttribute("aria-disabled", String(isWaiting));
  }
}

class Drop {
  constructor(element, question) {
    this.element = element;
    this.question = question;
    this.input = element.querySelector("input[name]");
    this.image = element.querySelector("img");
    this.maxBytes = Number(this.input.dataset.maxBytes);
    this.tooLarge = this.input.dataset.tooLarge;
    this.input.addEventListener("change", () => this.changed());
    const camera = element.querySelector(".camera input");
    camera.addEventListener("change", () => camera.files.length && this.put(camera.files));
    element.addEventListener("dragover", (event) => {
      event.preventDefault();
      element.classList.add("over");
    });
    element.addEventListener("dragleave", (event) => element.contains(event.relatedTarget) || element.classList.remove("over"));
    element.addEventListener("drop", (event) => {
      event.preventDefault();
      element.classList.remove("over");
      if (event.dataTransfer.files.length) this.put(event.dataTransfer.files);
    });
    this.image.addEventListener("load", () => URL.revokeObjectURL(this.image.src));
    this.image.addEventListener("error", () => element.classList.add("blind"));
    if (this.file) this.preview(); // a browser may keep what was chosen when the page is loaded again
  }

  get file() {
    return this.input.files[0];
  }

  put(files, isLast = true) {
    const holder = new DataTransfer();
    holder.items.add(files[0]);
    this.input.files = holder.files;
    this.changed(isLast);
  }

  changed(isLast = true) {
    this.preview();
    if (isLast) this.question.changed();
  }

  preview() {
    const file = this.file;
    this.element.classList.toggle("filled", Boolean(file));
    this.element.classList.remove("blind");
    this.image.hidden = !file;
    if (file) {
      this.image.src = URL.createObjectURL(file);
      this.image.alt = "Your photo";
    }
  }
}

async function fetchPhoto(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(response.statusText);
  return new File([await response.blob()], "drawn.jpg", { type: "image/jpeg" });
}

const questions = sections.map((section) => new Question(section));

// A photo dropped beside the area would leave the page.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());

addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  const question = questions.find((one) => one.section.classList.contains("open"));
  if (!files.length || !question) return;
  event.preventDefault();
  (question.drops.find((drop) => !drop.file) ?? question.drops[0]).put(files);
});
