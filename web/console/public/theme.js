// Before the first paint, so that no page flashes in the other theme. The toggle in the header writes the choice.
try {
  const theme = localStorage.getItem("opecom-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Without storage the system's theme stays.
}
