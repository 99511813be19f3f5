// An alarm begins: supervisors are told once, with a way there.

import { api } from "./net";
import { ring } from "./notice";
import { toast } from "./toast";

interface Alarm { id: number; text: string; href: string }

export async function alarm(told: { after: number }): Promise<void> {
  const { alarms, look } = await api<{ alarms: Alarm[]; look: string }>("GET", "/desk/alarms");
  const fresh = alarms.filter((each) => each.id > told.after);
  if (fresh.length) ring();
  for (const one of fresh) {
    toast(one.text, { bad: true, seconds: 30, choice: { name: look, run: () => location.assign(one.href) } });
  }
}
