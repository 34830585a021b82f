// The page begins here: in a frame, it is the app of an MCP host; by itself, it is a page of the server.

import { App } from "./app.js";
import { ServerPage } from "./server.js";

const style = document.createElement("style");
style.textContent = STYLE; // what style.css is built into
document.head.append(style);
const main = document.getElementById("main");
if (window.parent === window) new ServerPage(main);
else new App(main);
