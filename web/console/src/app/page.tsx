import { Start } from "./start";

export default function Home() {
  return <Start />;
}
