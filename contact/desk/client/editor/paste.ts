// What a clipboard brings from Word, Hancom Office, Google Docs or a page, before the schema takes what it knows.

/** Without what is no content: conditional comments, style sheets, Office's own tags and every attribute of looks. */
export function tidied(html: string): string {
  return html
    .replace(/<!--[\s\S]*?-->|<!\[[\s\S]*?\]>/g, "")
    .replace(/<(style|script|title|xml|template|svg|math)\b[\s\S]*?<\/\1\s*>/gi, "")
    .replace(/<\/?(?:meta|link|base|o:p|[vwom]:\w+|\?xml[^>]*)\b[^>]*>/gi, "")
    .replace(/<b\b([^>]*font-weight:\s*(?:normal|400)[^>]*)>/gi, "<span$1>") // Google Docs wraps everything so
    .replace(/<span\b([^>]*font-weight:\s*(?:bold|[6-9]00)[^>]*)>([^<]*)<\/span>/gi, "<b>$2</b>")
    .replace(/<span\b([^>]*font-style:\s*italic[^>]*)>([^<]*)<\/span>/gi, "<i>$2</i>")
    .replace(/\s(?:style|class|lang|id|on\w+)\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>]+)/gi, "");
}
