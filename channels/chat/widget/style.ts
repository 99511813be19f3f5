/**
 * The widget's looks. `:host` rules are `!important`: for important declarations the inner
 * sheet wins over the page's, so no rule of the shop can hide, move or restyle the widget.
 * Only px: the page may have changed `rem`.
 */

const CSS = `
:host{all:initial!important;position:fixed!important;z-index:2147483647!important;color-scheme:light dark!important}
*,*::before,*::after{box-sizing:border-box}
.root{--accent:var(--brand,#12624a);--on:var(--brand-on,#fff);--tint:color-mix(in srgb,var(--accent) 12%,var(--bg));--bg:#fff;--paper:#f5f7f5;--ink:#17211d;--soft:#56635d;--line:#dfe5e1;--field:#8a9690;--them:#fff;--bad:#b3261e;--badbg:#fdecea;--warn:#6a4a00;--warnbg:#fff3d6;--shadow:0 2px 6px rgba(10,30,22,.12),0 16px 48px rgba(10,30,22,.2);
font:400 15px/1.5 system-ui,-apple-system,"Apple SD Gothic Neo","Malgun Gothic","Noto Sans KR","Noto Sans CJK KR",sans-serif;color:var(--ink);word-break:keep-all;overflow-wrap:anywhere}
button,input,textarea{font:inherit;color:inherit;margin:0;border:0;background:none}
button{cursor:pointer;padding:0}
h2,h3,p{margin:0;font:inherit}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
[hidden]{display:none!important}
svg{width:24px;height:24px;fill:none;stroke:currentColor;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round;display:block}
.vh{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.launch{position:fixed;right:20px;bottom:20px;width:60px;height:60px;border-radius:50%;background:var(--accent);color:var(--on);box-shadow:var(--shadow);display:grid;place-items:center}
.launch svg{width:30px;height:30px}
.badge{position:absolute;top:-3px;right:-3px;min-width:22px;height:22px;padding:0 6px;border-radius:11px;background:#c62828;color:#fff;font-size:12px;line-height:22px;font-weight:700;text-align:center;box-shadow:0 0 0 2px #fff}
.panel{position:fixed;right:20px;bottom:92px;width:384px;height:min(640px,calc(100vh - 112px));height:min(640px,calc(100dvh - 112px));display:flex;flex-direction:column;background:var(--bg);border-radius:18px;box-shadow:var(--shadow);overflow:hidden;animation:rise .18s ease-out}
@keyframes rise{from{opacity:0;transform:translateY(12px)}}
header{display:flex;align-items:center;gap:4px;padding:12px 8px 12px 18px;background:var(--accent);color:var(--on)}
header div{flex:1;min-width:0}
h2{font-weight:700;font-size:17px;line-height:1.35;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
header p{font-size:13px;line-height:1.4;display:flex;gap:6px;align-items:center;opacity:.95}
header i{flex:none;width:9px;height:9px;border-radius:50%;border:2px solid}
header .on{background:#7ff0b2;border-color:#7ff0b2}
header :focus-visible{outline-color:currentColor;outline-offset:-3px}
.icon{flex:none;width:44px;height:44px;border-radius:12px;display:grid;place-items:center}
.icon:hover{background:rgba(127,140,134,.18)}
.bar{padding:8px 18px;font-size:13px;line-height:1.45;background:var(--warnbg);color:var(--warn);display:flex;justify-content:space-between;gap:12px}
.bar b{font-weight:600;white-space:nowrap}
.scroll{flex:1;min-height:0;overflow-y:auto;overscroll-behavior:contain;background:var(--paper);padding:16px 14px 10px;display:flex;flex-direction:column}
.scroll:focus-visible{outline-offset:-3px}
.scroll>:first-child{margin-top:auto}
.hello{text-align:center;padding:24px 20px 28px;margin-bottom:auto;align-self:center;max-width:300px}
.hello .face{width:72px;height:72px;margin:0 auto 14px;border-radius:24px;background:var(--tint);color:var(--accent);display:grid;place-items:center}
.hello p{white-space:pre-line}
.hello .face svg{width:38px;height:38px}
.hello h3{font-size:20px;font-weight:700;margin-bottom:4px}
.hello p{color:var(--soft)}
.day{display:flex;align-items:center;gap:12px;margin:14px 4px 10px;color:var(--soft);font-size:12px;white-space:nowrap}
.day::before,.day::after{content:"";flex:1;height:1px;background:var(--line)}
.msg{display:flex;flex-direction:column;align-items:flex-start;margin-top:3px;padding-inline:44px 36px;position:relative}
.msg.first{margin-top:12px}
.who{font-size:12.5px;color:var(--soft);margin:0 4px 3px;font-weight:600}
.msg:not(.first) .who,.msg:not(.first) .ava{display:none}
.ava{position:absolute;left:2px;top:0;width:34px;height:34px;border-radius:12px;background:var(--tint);color:var(--accent);font-weight:700;font-size:14px;display:grid;place-items:center}
.line{display:flex;align-items:flex-end;gap:6px;max-width:100%}
.bub{background:var(--them);border:1px solid var(--line);border-radius:5px 16px 16px 16px;padding:8px 13px;white-space:pre-wrap;min-width:0}
.msg:not(.first) .bub{border-top-left-radius:16px}
.bub a{color:inherit;text-decoration:underline;text-underline-offset:2px;word-break:break-all}
time{flex:none;font-size:11.5px;color:var(--soft);line-height:1.6;white-space:nowrap}
.msg:not(.last) time{display:none}
.mine{align-items:flex-end;padding-inline:52px 0}
.mine .line{flex-direction:row-reverse}
.mine .bub{background:var(--accent);color:var(--on);border-color:transparent;border-radius:16px 5px 16px 16px}
.mine:not(.first) .bub{border-top-right-radius:16px}
.mine .who{display:none}
.mine.pending .bub{opacity:.72}
.mine.bad .bub{opacity:1;background:var(--badbg);color:var(--bad);border-color:var(--bad)}
.act{display:flex;gap:4px;align-items:center;font-size:13px;color:var(--bad);margin-top:2px;flex-wrap:wrap;justify-content:flex-end}
.link{min-height:44px;padding:0 10px;font-weight:600;text-decoration:underline;text-underline-offset:3px;border-radius:8px}
.state{text-align:right;font-size:12px;color:var(--soft);margin:3px 4px 0}
.sys{text-align:center;font-size:13px;color:var(--soft);margin:10px 20px}
.pics{display:flex;flex-direction:column;gap:4px;margin:4px 0;max-width:100%;align-items:inherit}
.pic{display:block;border-radius:14px;overflow:hidden;border:1px solid var(--line);background:var(--bg)}
.pic img{display:block;max-width:220px;max-height:220px;width:auto;height:auto;min-width:60px;min-height:44px;object-fit:cover}
.doc{display:flex;gap:10px;align-items:center;min-height:48px;padding:6px 14px 6px 10px;border-radius:14px;border:1px solid var(--line);background:var(--bg);color:var(--ink);text-decoration:none;max-width:100%;font-size:14px;line-height:1.35}
.doc svg{flex:none;color:var(--accent)}
.doc small{display:block;font-size:12px;color:var(--soft)}
.doc span{min-width:0}
.dots{display:flex;align-items:center;gap:8px;min-height:26px;padding:6px 4px 0 44px;font-size:12.5px;color:var(--soft)}
.dots i{display:flex;gap:4px;background:var(--them);border:1px solid var(--line);border-radius:12px;padding:8px 10px}
.dots i b{width:6px;height:6px;border-radius:50%;background:var(--soft);animation:dot 1.2s infinite}
.dots i b:nth-child(2){animation-delay:.15s}
.dots i b:nth-child(3){animation-delay:.3s}
@keyframes dot{0%,60%,100%{opacity:.35;transform:none}30%{opacity:1;transform:translateY(-3px)}}
.card{background:var(--bg);border:1px solid var(--line);border-radius:16px;padding:16px;margin:12px 2px 4px;display:flex;flex-direction:column;gap:10px}
.card h3{font-weight:700;line-height:1.4}
.card p{font-size:14px;color:var(--soft)}
.card p[role=alert]{color:var(--bad)}
.row{display:flex;gap:8px;scroll-margin:24px}
.row>*{flex:1}
.field{display:block;font-size:13px;color:var(--soft)}
.field input,.card textarea{display:block;width:100%;min-height:44px;margin-top:3px;padding:9px 12px;border:1px solid var(--field);border-radius:10px;background:var(--bg);color:var(--ink);font-size:16px}
.card textarea{resize:none}
.btn{min-height:44px;padding:8px 14px;border-radius:11px;font-weight:600;border:1px solid var(--line)}
.btn.go{background:var(--accent);color:var(--on);border-color:transparent}
.btn:disabled{opacity:.5;cursor:default}
.stars{display:flex;justify-content:center}
.stars label{position:relative;width:52px;height:48px;display:grid;place-items:center;color:var(--field);cursor:pointer;border-radius:10px}
.stars svg{width:34px;height:34px}
.stars input{position:absolute;inset:0;opacity:0}
.stars label:has(:focus-visible){outline:2px solid var(--accent)}
.stars .lit{color:#b26a00}
.stars .lit svg{fill:#f5b301}
.said{text-align:center;font-weight:600;min-height:22px}
.menu{position:absolute;top:58px;right:8px;z-index:3;min-width:250px;padding:6px;background:var(--bg);color:var(--ink);border:1px solid var(--line);border-radius:14px;box-shadow:var(--shadow);display:flex;flex-direction:column}
.menu button{min-height:44px;padding:8px 12px;text-align:start;border-radius:9px;display:flex;gap:12px;align-items:center;justify-content:space-between}
.menu button:hover,.menu button:focus-visible{background:var(--paper)}
.menu .sw::after{content:"";flex:none;width:36px;height:20px;border-radius:10px;background:radial-gradient(circle at 10px,#fff 7px,transparent 7.5px) var(--field)}
.menu [aria-checked=true].sw::after{background:radial-gradient(circle at 26px,var(--on) 7px,transparent 7.5px) var(--accent)}
.menu .bad{color:var(--bad)}
.jump{position:absolute;left:50%;bottom:calc(100% + 10px);translate:-50% 0;min-height:44px;padding:0 14px 0 18px;border-radius:22px;background:var(--accent);color:var(--on);font-weight:600;font-size:14px;box-shadow:var(--shadow);display:flex;align-items:center;gap:6px;white-space:nowrap}
.jump svg{width:18px;height:18px}
form.write{position:relative;background:var(--bg);border-top:1px solid var(--line);padding:8px 8px 8px}
.box{display:flex;align-items:flex-end;gap:2px}
.box textarea{flex:1;min-width:0;height:44px;max-height:140px;padding:10px 6px;font-size:16px;line-height:24px;resize:none;outline:0;overflow-y:auto}
textarea::placeholder{color:var(--soft);opacity:1}
.box:has(textarea:focus-visible){border-radius:12px;outline:2px solid var(--accent);outline-offset:2px}
.box .icon{color:var(--soft)}
.box .send{background:var(--accent);color:var(--on)}
.box .send:disabled{background:var(--paper);color:var(--field);cursor:default}
.note{font-size:13px;color:var(--bad);padding:2px 8px 6px}
.chips{display:flex;flex-wrap:wrap;gap:6px;padding:2px 4px 8px;max-height:150px;overflow:auto}
.chip{position:relative;display:flex;align-items:center;gap:4px;max-width:100%;padding-left:12px;border:1px solid var(--line);border-radius:12px;background:var(--paper);font-size:13px;line-height:1.3;overflow:hidden}
.chip img{width:44px;height:44px;object-fit:cover;margin-left:-12px;margin-right:6px}
.chip span{min-width:0;max-width:180px}
.chip small{display:block;color:var(--soft);font-size:12px}
.chip.bad,.chip.bad small{color:var(--bad);border-color:var(--bad)}
.chip progress{position:absolute;left:0;bottom:0;width:100%;height:4px;accent-color:var(--accent)}
.over{position:absolute;inset:8px;z-index:4;display:grid;place-items:center;border:2px dashed var(--accent);border-radius:14px;background:var(--bg);color:var(--accent);font-weight:700;opacity:.94;pointer-events:none}
.camera{display:none}
@media(pointer:coarse){.camera{display:grid}}
@media(max-width:520px){
.panel{inset:0;width:100%;height:100vh;height:100dvh;border-radius:0;animation-name:none;padding:env(safe-area-inset-top) 0 env(safe-area-inset-bottom)}
.panel.kbd{padding-bottom:0}
.root.open .launch{display:none}
.launch{right:16px;bottom:calc(16px + env(safe-area-inset-bottom))}
}
@media(prefers-color-scheme:dark){
.root{--accent:var(--brand-dark,#74d3ad);--on:#06281c;--bg:#1b201e;--paper:#131715;--ink:#e9eeeb;--soft:#a5b1ab;--line:#333b37;--field:#77837d;--them:#262c29;--bad:#ffb4ab;--badbg:#3b1614;--warn:#f6d894;--warnbg:#3a2d0c;--shadow:0 2px 6px rgba(0,0,0,.4),0 16px 48px rgba(0,0,0,.55)}
header{background:#1f2a26;color:var(--ink)}
.badge{box-shadow:0 0 0 2px #131715}
.stars .lit{color:#f5b301}
}
@media(prefers-reduced-motion:reduce){*,*::before,*::after{animation:none!important;transition:none!important;scroll-behavior:auto!important}}
@media(forced-colors:active){.launch,.panel,.bub,.btn,.send{border:1px solid}}
`;

/** A constructed sheet: a page's Content-Security-Policy does not block it, unlike a style element. */
export function dress(root: ShadowRoot): void {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
    root.adoptedStyleSheets = [sheet];
  } catch {
    const style = document.createElement("style");
    style.textContent = CSS;
    root.append(style);
  }
}

/** The shop's own colour, with black or white on it, whichever can be read better. */
export function paint(root: HTMLElement, colour: string): void {
  const found = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour);
  if (!found) return;
  const [r, g, b] = found.slice(1).map((part) => {
    const level = parseInt(part, 16) / 255;
    return level <= 0.04045 ? level / 12.92 : ((level + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  const light = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  root.style.setProperty("--brand", colour);
  root.style.setProperty("--brand-on", 1.05 / (light + 0.05) >= (light + 0.05) / 0.05 ? "#fff" : "#000");
  root.style.setProperty("--brand-dark", `color-mix(in srgb, ${colour} 50%, #fff)`);
}
