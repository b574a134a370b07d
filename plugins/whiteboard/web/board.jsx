// The shared whiteboard: Excalidraw on a Yjs page. It fills its parent; the classroom owns which page everybody is on.
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Excalidraw, MainMenu, exportToBlob } from "@excalidraw/excalidraw";
import "@excalidraw/excalidraw/index.css";
import "./board.css";
import * as Y from "yjs";
import { Binding } from "./binding.js";
import { useOwnFonts } from "./fonts.js";
import { openLink } from "./link.js";
import { translator, useRoom } from "./room.js";

useOwnFonts();

const POINTER_MS = 50;
const SAY_MS = 2500;
const LANG_CODES = { en: "en", de: "de-DE" };
const KINDS = {
  freedraw: "a free-hand stroke",
  line: "a line",
  arrow: "an arrow",
  rectangle: "a rectangle",
  ellipse: "an ellipse",
  diamond: "a diamond",
  text: "a text",
  image: "an image",
  frame: "a frame",
};

/** Props, all optional inside a classroom: see useRoom. */
export function Board(props) {
  const room = useRoom(props);
  const [own, setOwn] = useState(null); // a page the student looks at by themselves
  const [board, setBoard] = useState({ pages: 1, max_pages: 20, can_draw: true });
  const t = useMemo(() => translator(room.strings), [room.strings]);
  const leads = room.role === "instructor" && !!room.onPage;
  const page = own ?? room.page;
  const go = (to) => {
    if (leads) room.onPage(to);
    else setOwn(to === room.page ? null : to);
  };
  if (!room.sessionId) return <p className="hl-board-wait">{t("The board opens with the room.")}</p>;
  return (
    <section className="hl-board" aria-label={t("Whiteboard")}>
      <Page key={`${room.sessionId}/${page}`} {...{ room, page, board, setBoard, t, go }} following={own === null} leads={leads} />
    </section>
  );
}

function Page({ room, page, board, setBoard, t, go, leads, following }) {
  const [status, setStatus] = useState("connecting");
  const [problem, setProblem] = useState("");
  const [said, setSaid] = useState("");
  const [listed, setListed] = useState(null);
  const live = useRef({});
  const latest = useRef({});
  latest.current = { room, t, setBoard };
  const readOnly = room.readOnly || !board.can_draw || status === "refused" || status === "full";

  const start = useCallback((api) => {
    if (live.current.api || live.current.ended) return;
    const current = (live.current = startPage({ api, page, latest, setStatus, setProblem, setSaid, setListed }));
    if (typeof window !== "undefined") (window.hilinkBoards ??= {})[page] = current;
  }, []);
  useEffect(
    () => () => {
      live.current.destroy?.();
      if (window.hilinkBoards?.[page] === live.current) delete window.hilinkBoards[page];
      live.current = { ended: true };
    },
    [],
  );
  useEffect(() => {
    if (live.current.binding) live.current.binding.readOnly = readOnly;
  }, [readOnly]);
  const canvas = useRef(null);
  useEffect(
    () => nameParts(canvas.current, { ".main-menu-trigger": t("Board menu"), ".color-picker-container[role=dialog]": t("Colours") }),
    [t],
  );

  return (
    <>
      <Bar {...{ page, board, t, go, leads, following, status, problem, live, listed }} followed={room.page}
        toggleList={() => setListed((now) => (now ? null : describe(live.current.api, t)))} />
      <div className="hl-board-canvas" ref={canvas}>
        <Excalidraw
          excalidrawAPI={(api) => setTimeout(() => start(api), 0)}
          onChange={() => live.current.binding?.changed()}
          onPointerUpdate={(update) => live.current.point?.(update)}
          viewModeEnabled={readOnly}
          isCollaborating
          theme={room.dark ? "dark" : "light"}
          langCode={LANG_CODES[room.lang] || "en"}
          aiEnabled={false}
          validateEmbeddable={false}
          UIOptions={{ canvasActions: { export: false, loadScene: false, saveToActiveFile: false, saveAsImage: false, toggleTheme: false, changeViewBackgroundColor: false, clearCanvas: leads } }}
        >
          <MainMenu>
            {leads && <MainMenu.DefaultItems.ClearCanvas />}
            <MainMenu.DefaultItems.Help />
          </MainMenu>
        </Excalidraw>
      </div>
      {listed && <DrawingList listed={listed} t={t} close={() => setListed(null)} />}
      <p className="hl-board-said" role="status" aria-live="polite">{said}</p>
    </>
  );
}

function Bar({ page, board, t, go, leads, following, followed, status, problem, live, listed, toggleList }) {
  const last = Math.max(board.pages, page, followed);
  return (
    <div className="hl-board-bar">
      <p className="hl-board-status" role="status">{problem || STATUS(t)[status] || ""}</p>
      <div className="hl-board-pages" role="group" aria-label={t("Pages")}>
        <button type="button" onClick={() => go(page - 1)} disabled={page <= 1} aria-label={t("Previous page")}>‹</button>
        <span>{t("Page {page} of {pages}", { page, pages: last })}</span>
        <button type="button" onClick={() => go(page + 1)} disabled={page >= last} aria-label={t("Next page")}>›</button>
        {leads && (
          <button type="button" onClick={() => go(last + 1)} disabled={last >= board.max_pages}>{t("New page")}</button>
        )}
        {!leads && !following && (
          <button type="button" onClick={() => go(followed)}>{t("Back to everybody's page")}</button>
        )}
      </div>
      <div className="hl-board-tools">
        <button type="button" aria-expanded={!!listed} onClick={toggleList}>{t("List of drawings")}</button>
        <button type="button" onClick={() => savePicture(live.current.api, page)}>{t("Save as picture")}</button>
      </div>
    </div>
  );
}

const STATUS = (t) => ({
  connecting: t("Opening the board"),
  lost: t("Looking for your connection. Your drawings are kept."),
  refused: t("You can look at this board, but you are not connected to it any more."),
  full: t("This page is full. Please go on with a new page."),
});

/** The board in words, for those who cannot see it. */
function DrawingList({ listed, t, close }) {
  return (
    <div className="hl-board-list" role="region" aria-label={t("List of drawings")}>
      <div className="hl-board-list-head">
        <strong>{t("{count} drawings on this page", { count: listed.length })}</strong>
        <button type="button" onClick={close}>{t("Close the list")}</button>
      </div>
      {listed.length ? <ol>{listed.map((item) => <li key={item.id}>{item.text}</li>)}</ol> : <p>{t("Nothing has been drawn yet.")}</p>}
    </div>
  );
}

function describe(api, t) {
  const shown = (api?.getSceneElements() ?? []).slice().sort((a, b) => a.y - b.y || a.x - b.x);
  return shown.map((element) => ({
    id: element.id,
    text: element.type === "text" ? t("Text: {text}", { text: element.text }) : t(KINDS[element.type] ?? "a drawing"),
  }));
}

/** Excalidraw's menu button and colour boxes have no name of their own and come anew with each layout. Returns how to stop. */
function nameParts(root, names) {
  const look = () => {
    for (const [selector, name] of Object.entries(names)) {
      root.querySelectorAll(`${selector}:not([aria-label])`).forEach((part) => part.setAttribute("aria-label", name));
    }
  };
  const watch = new MutationObserver(look);
  watch.observe(root, { childList: true, subtree: true });
  look();
  return () => watch.disconnect();
}

async function savePicture(api, page) {
  if (!api) return;
  const blob = await exportToBlob({
    elements: api.getSceneElements(),
    files: api.getFiles(),
    appState: { exportBackground: true, viewBackgroundColor: "#ffffff", exportScale: 2 },
    mimeType: "image/png",
    exportPadding: 24,
  });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `board-${page}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Document, connection and binding of one page; `destroy` ends all three. */
function startPage({ api, page, latest, setStatus, setProblem, setSaid, setListed }) {
  const doc = new Y.Doc();
  const { room } = latest.current;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const notice = (message) => {
    const { t } = latest.current;
    if (message.type === "board") latest.current.setBoard(message);
    if (message.type === "page_full") {
      setProblem(t("This page is full: it can hold {limit} drawings. Please go on with a new page.", message));
    }
    if (message.type === "element_refused") setProblem(t("The board could not take this drawing."));
  };
  const link = openLink({
    url: `${scheme}://${location.host}${room.wsPath}`,
    page,
    doc,
    ticket: room.ticket,
    fetchTicket: () => latest.current.room.fetchTicket(),
    on: { status: setStatus, notice },
  });
  const { provider } = link;
  const events = {
    drew: (kind) => latest.current.room.onActivity?.({ page, kind }),
    changed: () => setListed((now) => now && describe(api, latest.current.t)),
    imageFailed: () => setProblem(latest.current.t("The board could not take this drawing.")),
  };
  const binding = new Binding(api, doc, provider.awareness, { readOnly: room.readOnly, events });
  const quiet = sayWhoDrew(provider.awareness, latest, setSaid);
  const started = { api, doc, provider, binding, point: pointer(provider.awareness), Y };
  started.destroy = () => {
    binding.destroy();
    quiet();
    link.destroy();
    doc.destroy();
  };
  return started;
}

/** Own pointer to the others, at most every POINTER_MS. */
function pointer(awareness) {
  let last = 0;
  let timer = 0;
  return ({ pointer: at, button }) => {
    const send = () => {
      last = performance.now();
      awareness.setLocalState({
        ...awareness.getLocalState(),
        p: [Math.round(at.x), Math.round(at.y), button === "down" ? 1 : 0],
        t: at.tool,
      });
    };
    clearTimeout(timer);
    const wait = POINTER_MS - (performance.now() - last);
    if (wait <= 0) send();
    else timer = setTimeout(send, wait);
  };
}

/** "Leo drew a line": collected for a moment, so that a screen reader is not flooded. Returns how to stop. */
function sayWhoDrew(awareness, latest, setSaid) {
  const heard = new Map(); // client id -> number of the drawing last spoken about
  const fresh = new Map(); // name -> kind
  let timer = 0;
  const say = () => {
    timer = 0;
    const { t } = latest.current;
    const people = [...fresh];
    fresh.clear();
    setSaid(people.map(([name, kind]) => t("{name} drew {what}", { name, what: t(KINDS[kind] ?? "a drawing") })).join(". "));
  };
  const listen = () => {
    for (const [id, state] of awareness.getStates()) {
      if (id === awareness.clientID || !state.did || !state.user) continue;
      const before = heard.get(id);
      heard.set(id, state.did[0]);
      if (before === state.did[0]) continue;
      fresh.set(state.user.name, state.did[1]);
      timer ||= setTimeout(say, SAY_MS);
    }
  };
  awareness.on("change", listen);
  return () => {
    clearTimeout(timer);
    awareness.off("change", listen);
  };
}
