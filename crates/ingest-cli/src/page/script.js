for (const map of document.querySelectorAll("svg.map")) {
  map.addEventListener("pointerover", (event) => {
    const title = event.target.matches("circle") ? event.target.querySelector("title") : null;
    if (title) map.nextElementSibling.textContent = title.textContent;
  });
}
