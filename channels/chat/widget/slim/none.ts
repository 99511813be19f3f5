/** Transports the widget does not use: WebTransport, and polling by XMLHttpRequest (`fetch` does it). */

export class WT {}
export class XHR {}
