/**
 * The part of node-postgres that TrakIt uses, for Deno: @types/pg brings @types/node along, whose Buffer does not fit the
 * TypeScript of Deno 2.1. tsc checks the same code against @types/pg.
 */
declare namespace pg {
  interface QueryResult<Row> {
    rows: Row[];
  }
  type QueryResultRow = Record<string, unknown>;
  interface PoolConfig {
    connectionString?: string;
    max?: number;
    connectionTimeoutMillis?: number;
    idleTimeoutMillis?: number;
    query_timeout?: number;
    keepAlive?: boolean;
    application_name?: string;
  }
  interface QueryConfig {
    text: string;
    values?: unknown[];
    query_timeout?: number;
  }
  interface PoolClient {
    on(event: "error", listener: (error: Error) => void): this;
    off(event: "error", listener: (error: Error) => void): this;
    query<Row>(query: string | QueryConfig): Promise<QueryResult<Row>>;
    release(destroy?: boolean): void;
  }
  class Pool {
    constructor(config: PoolConfig);
    connect(): Promise<PoolClient>;
    on(event: "error", listener: (error: Error) => void): this;
    query<Row>(text: string, values?: unknown[]): Promise<QueryResult<Row>>;
    end(): Promise<void>;
  }
}
export default pg;
