/** Our server speaks WebSocket and polling. */

export class WT {}
