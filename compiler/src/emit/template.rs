//! Templates: layout only. Every decision is made in Rust and handed over as plain data.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;

use super::EmitError;

/// The templates of one target, by name. A name that a template includes must be among them.
pub(crate) struct Templates {
    target: &'static str,
    environment: Environment<'static>,
}

impl Templates {
    /// Reads the templates.
    ///
    /// # Errors
    /// [`EmitError::Render`] where one does not parse.
    pub(crate) fn new(
        target: &'static str,
        sources: &[(&'static str, &'static str)],
    ) -> Result<Self, EmitError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_syntax(layout().map_err(|error| EmitError::Render {
            target,
            path: target.to_owned(),
            why: format!("{error:#}"),
        })?);
        for (name, source) in sources {
            environment.add_template(name, source).map_err(|error| EmitError::Render {
                target,
                path: (*name).to_owned(),
                why: format!("{error:#}"),
            })?;
        }
        Ok(Self { target, environment })
    }

    /// Renders one template for one generated file.
    ///
    /// # Errors
    /// [`EmitError::Render`], with what the renderer said.
    pub(crate) fn render(
        &self,
        name: &str,
        path: &str,
        context: impl Serialize,
    ) -> Result<String, EmitError> {
        self.render_of(name, path, &value(context))
    }

    /// The same of a [`value`] that several templates read.
    ///
    /// # Errors
    /// [`EmitError::Render`], with what the renderer said.
    pub(crate) fn render_of(
        &self,
        name: &str,
        path: &str,
        context: &Value,
    ) -> Result<String, EmitError> {
        let failed = |error: minijinja::Error| EmitError::Render {
            target: self.target,
            path: path.to_owned(),
            why: format!("{error:#}"),
        };
        let template = self.environment.get_template(name).map_err(failed)?;
        template.render(context.clone()).map_err(failed)
    }
}

/// Plain data as templates read it. Making it takes longer than laying it out, so what several templates read is made once.
pub(crate) fn value(of: impl Serialize) -> Value {
    Value::from(Serde(of))
}

/// A line that holds only a tag leaves nothing behind.
fn layout() -> Result<SyntaxConfig, minijinja::Error> {
    SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
}
