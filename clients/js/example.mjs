// The stock Chroma client over the daemon's Unix socket; without PANNIER_SOCKET over TCP.
import { ChromaClient } from "chromadb";
import { Agent } from "undici";

const { PANNIER_SOCKET: socketPath, CHROMA_HOST: host = "localhost", CHROMA_PORT: port = 8000 } = process.env;
const dispatcher = socketPath && new Agent({ connect: { socketPath } });
const client = new ChromaClient({ host, port: Number(port), fetchOptions: { dispatcher } });

const notes = await client.getOrCreateCollection({ name: "notes", embeddingFunction: null });
await notes.upsert({ ids: ["a", "b"], embeddings: [[1, 0], [0, 1]], documents: ["red", "blue"] });
const found = await notes.query({ queryEmbeddings: [[0.9, 0.1]], nResults: 1 });
console.log(`nearest: ${found.ids[0][0]}, ${found.documents[0][0]}`);
