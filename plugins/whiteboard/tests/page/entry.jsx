// A bare page with one board, for the browser tests: /?session=lesson&name=ada&role=student
import { useState } from "react";
import { createRoot } from "react-dom/client";
import { Board } from "../../web/board.jsx";

const given = new URLSearchParams(location.search);
const role = given.get("role") || "student";

async function fetchTicket() {
  const answer = await fetch(`/test/ticket?name=${given.get("name")}&role=${role}`, { method: "POST" });
  if (!answer.ok) throw { final: true };
  return answer.json();
}

function App() {
  const [page, setPage] = useState(1);
  window.followPage = setPage;
  return (
    <main style={{ height: "100vh" }}>
      <Board
        sessionId={given.get("session")}
        role={role}
        page={page}
        readOnly={role === "observer"}
        onPage={role === "instructor" ? setPage : undefined}
        fetchTicket={fetchTicket}
      />
    </main>
  );
}

createRoot(document.getElementById("root")).render(<App />);
