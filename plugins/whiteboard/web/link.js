// The board's line to the server: one WebSocket a page, a fresh ticket for each try, and no try that cannot help.
import { WebsocketProvider } from "y-websocket";

const NOTICE = 8;
const RETRY_MS = [300, 1000, 2000, 5000];
const BUSY_MS = 5000;
const FINAL = new Set([4400, 4403]); // no such page; not allowed or not any more
const OVER_LIMIT = new Set([1007, 1009]);
const MAX_OVER_LIMIT = 3;
let spent = ""; // a ticket opens one socket: another page needs another

/**
 * Connects `doc` to page `page`; returns { provider, destroy }.
 * ticket: the first one, or empty. fetchTicket: async () => a new one; throws { final: true } when there is none.
 * on: { status(connecting | connected | lost | refused | full), notice({ type, ... }), synced() }
 */
export function openLink({ url, page, doc, ticket, fetchTicket, on }) {
  let tries = 0;
  let overLimit = 0;
  let timer = 0;
  let gone = false;
  const provider = new WebsocketProvider(url, String(page), doc, {
    connect: false,
    disableBc: true,
    shouldReconnect: () => false, // we do it, with a fresh ticket
  });
  provider.messageHandlers[NOTICE] = (_encoder, decoder) => {
    const text = new TextDecoder().decode(decoder.arr.subarray(decoder.pos));
    decoder.pos = decoder.arr.length;
    on.notice(JSON.parse(text));
  };
  const stop = (status) => {
    gone = true;
    provider.disconnect();
    on.status(status);
  };
  const connect = async (first) => {
    try {
      provider.params = { ticket: first && first !== spent ? first : await fetchTicket() };
      spent = provider.params.ticket;
    } catch (error) {
      if (gone) return;
      if (error?.final) stop("refused");
      else retry();
      return;
    }
    if (!gone) provider.connect();
  };
  const retry = (wait) => {
    on.status("lost");
    clearTimeout(timer);
    timer = setTimeout(connect, wait ?? RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)]);
  };
  provider.on("sync", (synced) => {
    if (!synced) return;
    tries = 0;
    on.status("connected");
    on.synced?.();
  });
  provider.on("closed", ({ code }) => {
    if (gone) return;
    if (FINAL.has(code)) stop("refused");
    else if (OVER_LIMIT.has(code) && ++overLimit >= MAX_OVER_LIMIT) stop("full");
    else retry(code === 4429 ? BUSY_MS : undefined);
  });
  const online = () => !gone && !provider.wsconnected && retry(0);
  window.addEventListener("online", online);
  connect(ticket);
  return {
    provider,
    destroy() {
      gone = true;
      clearTimeout(timer);
      window.removeEventListener("online", online);
      provider.destroy();
    },
  };
}
