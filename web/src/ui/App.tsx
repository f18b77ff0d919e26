// Puts the panes together.

import type { JSX } from "preact";
import { useEffect } from "preact/hooks";

import { CallTree } from "./CallTree";
import { Details } from "./Details";
import { Header } from "./Header";
import { Help, onKey } from "./Help";
import { Source } from "./Source";
import { StoreContext, type Store } from "./store";
import { Timeline } from "./Timeline";
import { Toolbar } from "./Toolbar";
import { Variables } from "./Variables";

export function App({ store }: { store: Store }): JSX.Element {
  useEffect(() => {
    const keys = (event: KeyboardEvent): void => onKey(store, event);
    const fragment = (): void => store.read();
    document.addEventListener("keydown", keys);
    window.addEventListener("hashchange", fragment);
    return () => {
      document.removeEventListener("keydown", keys);
      window.removeEventListener("hashchange", fragment);
    };
  }, [store]);
  return (
    <StoreContext.Provider value={store}>
      <div class="app">
        <Header />
        <main class="panes" aria-label="Trace">
          <Timeline />
          <Toolbar />
          <CallTree />
          <Source />
          <Variables />
          <Details />
        </main>
        <Help />
      </div>
    </StoreContext.Provider>
  );
}
