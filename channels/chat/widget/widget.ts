/**
 * The one line a shop adds:
 *
 *   <script src="https://HOST/chat/widget.js" data-inbox="KEY" async></script>
 *
 * Optional: data-lang="ko|en", data-color="#rrggbb". `window.hanmaru.open()` and `.close()`
 * are there for the shop's own buttons.
 *
 * This loader chooses the language (the script's own word first, then the page's, then the
 * browser's) and loads the widget in it; the server fills in the addresses, which name their
 * content and are cached for ever.
 */

declare const HANMARU_FILES: Record<"ko" | "en", string>;

const own = (document.currentScript ?? document.querySelector('script[data-inbox][src*="/chat/widget.js"]')) as HTMLScriptElement;
const said = own.dataset.lang || document.documentElement.lang || navigator.language;
const base = own.src.replace(/\/chat\/widget\.js.*$/, "");
const script = document.createElement("script");
script.src = base + HANMARU_FILES[/^ko/i.test(said) ? "ko" : "en"];
script.async = true;
Object.assign(script.dataset, own.dataset, { base });
document.head.append(script);
