mod engine_run;
mod engine_support;
